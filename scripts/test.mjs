// `npm test`: installs and builds if needed, says what tests will fetch, runs them. `--all` adds the heavy ones; other arguments go to vitest.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { missingDownloads } from './downloads.mjs'
import { root, setup } from './setup.mjs'

const given = process.argv.slice(2)
const args = given.filter((arg) => arg !== '--all')
/** Kinds of tests, by their files' names; vitest.config.ts says which are which. A file that is named runs, of whatever kind. */
const kinds = ['unit', 'program']
if (args.length < given.length || args.some((arg) => arg.includes('.full.'))) kinds.push('full')
if (args.some((arg) => arg.includes('.long.'))) kinds.push('long')
/** All that this run starts inherits it, a worker of vitest's as well as a daemon that a test made. */
const MARK = `TESTS_STARTED_BY=${process.pid}`
/** For the end of vitest's workers after its own. */
const GRACE_MS = 5000

setup()
const { lines, folder } = await missingDownloads(kinds)
if (lines.length > 0) {
  const which = args.length === 0 ? '' : ' where these tests use it'
  process.stdout.write(`To be fetched${which}, once, into ${folder} (sizes there):\n  ${lines.join('\n  ')}\n`)
}
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const projects = kinds.flatMap((kind) => ['--project', kind])
const env = { ...process.env, [MARK.split('=')[0]]: String(process.pid) }
const child = spawn(process.execPath, [vitest, 'run', ...projects, ...args], { cwd: root, stdio: 'inherit', env })
let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interrupted = true
    child.kill(signal)
  })
}
const [code, signal] = await once(child, 'exit')
process.exitCode = code ?? (signal === null ? 5 : 130)
await endTheRest()

/** vitest leaves its workers to themselves when it is interrupted; and what a test left behind must not outlive the run. */
async function endTheRest() {
  for (const until = performance.now() + (interrupted ? 0 : GRACE_MS); performance.now() < until; await sleep(50)) {
    if (marked().length === 0) return
  }
  // Repeated: a process that is ended may just have started another. Processes of other users do not block this for
  // ever.
  for (let times = 0; times < 100 && marked().length > 0; times++, await sleep(50)) marked().forEach(end)
}

function end(pid) {
  if (!interrupted) process.stderr.write(`left behind, ended now: ${pid} ${commandOf(pid)}\n`)
  process.exitCode ||= 1
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended meanwhile.
  }
}

function marked() {
  return filesOr(() => readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) =>
      filesOr(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '')
        .split('\0')
        .includes(MARK),
    )
    .map(Number)
}

function commandOf(pid) {
  return filesOr(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '')
    .split('\0')
    .join(' ')
}

function filesOr(read, otherwise) {
  try {
    return read()
  } catch {
    return otherwise
  }
}
