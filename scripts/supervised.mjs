// Runs a program to its end, for so long at most: `node supervised.mjs SECONDS PROGRAM [ARGUMENT…]`. It has a process group of
// its own, which ends when this process is interrupted and when the one that started it is gone. Ends with the program's status, 124 past the limit, 130 when interrupted.
import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PATIENCE_MS = 3_000
const [seconds, program, ...args] = process.argv.slice(2)
const parent = process.ppid
const root = dirname(dirname(fileURLToPath(import.meta.url)))
let ended = null

const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true })
child.on('error', (error) => {
  process.stderr.write(`layerline: ${program}: ${error.message}\n`)
  process.exit(127)
})
child.on('exit', (code, signal) => {
  signalGroup('SIGKILL')
  if (process.ppid !== parent) forgetSetup()
  process.exit(ended ?? code ?? (signal === null ? 1 : 130))
})

function end(code) {
  if (ended !== null) return
  ended = code
  signalGroup('SIGTERM')
  setTimeout(() => signalGroup('SIGKILL'), PATIENCE_MS)
}

function signalGroup(signal) {
  try {
    process.kill(-child.pid, signal)
  } catch {
    // It is gone.
  }
}

/** What a setup that is gone would have removed itself. */
function forgetSetup() {
  const lock = join(root, '.setup-lock')
  try {
    if (Number(readFileSync(join(lock, 'pid'), 'utf8')) !== parent) return
  } catch {
    return
  }
  rmSync(join(root, 'dist.new'), { recursive: true, force: true })
  rmSync(lock, { recursive: true, force: true })
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => end(130))
setInterval(() => {
  if (process.ppid !== parent) end(130)
}, 200)
setTimeout(() => {
  process.stderr.write(`layerline: ${program} took more than ${seconds} s, and was ended\n`)
  end(124)
}, Number(seconds) * 1000)
