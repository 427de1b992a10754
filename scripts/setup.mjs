// Installs what the lockfile names and builds dist/, each only when needed. Plain Node: it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtMark, isFresh, readOr } from './fingerprint.mjs'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const lockDir = join(root, '.setup-lock')
const quiet = process.argv.includes('--quiet')

/** Of an installation over a slow network, and of a build on a loaded machine. */
const LIMIT_S = 1800

class SetupError extends Error {}

/** Installs and builds if needed; safe when several processes start at once. Ends the process where that fails. */
export function setup() {
  try {
    setupOrThrow()
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(
      `layerline: ${error.message}\n  -> its own words are above; expected npm with access to a registry, and a clean checkout\n`,
    )
    process.exit(4)
  }
}

function setupOrThrow() {
  if (isFresh(root)) return
  withLock(() => {
    if (!installed()) {
      say('installing dependencies (first use) …')
      run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
      writeFileSync(join(root, 'node_modules', '.layerline-lock'), lockHash())
    }
    if (!isFresh(root)) {
      say('building …')
      build()
    }
  })
}

/** Builds aside and swaps, so that what runs from the old build meanwhile is disturbed for an instant at most. */
function build() {
  const [fresh, old, dist] = ['dist.new', 'dist.old', 'dist'].map((name) => join(root, name))
  const mark = builtMark(root)
  rmSync(fresh, { recursive: true, force: true })
  run(process.execPath, [join(root, 'scripts', 'build.mjs'), fresh])
  run(process.execPath, [join(root, 'scripts', 'build-web.mjs'), join(fresh, 'web')])
  writeFileSync(join(fresh, '.built'), mark)
  rmSync(old, { recursive: true, force: true })
  if (existsSync(dist)) renameSync(dist, old)
  renameSync(fresh, dist)
  rmSync(old, { recursive: true, force: true })
}

function installed() {
  return readOr(join(root, 'node_modules', '.layerline-lock')) === lockHash()
}

function lockHash() {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
}

function withLock(work) {
  for (let waited = 0; ; waited++) {
    try {
      mkdirSync(lockDir)
      break
    } catch {
      const holder = Number(readOr(join(lockDir, 'pid')))
      if (waited > 10 && !alive(holder)) rmSync(lockDir, { recursive: true, force: true })
      if (waited === 0) say('another process is setting up; waiting …')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  try {
    writeFileSync(join(lockDir, 'pid'), String(process.pid))
    work()
  } finally {
    rmSync(lockDir, { recursive: true, force: true })
  }
}

function alive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0)
  } catch {
    return false
  }
}

function run(command, args) {
  // spawnSync handles no signals: an interrupt ends this process at once, and supervised.mjs then ends the command.
  const supervised = [join(root, 'scripts', 'supervised.mjs'), String(LIMIT_S), command, ...args]
  const result = spawnSync(process.execPath, supervised, {
    cwd: root,
    stdio: ['ignore', quiet ? 'ignore' : process.stderr.fd, 'inherit'],
  })
  if (result.status === 0) return
  const how = result.status ?? result.signal ?? result.error
  throw new SetupError(`setup failed: ${command} ${args.join(' ')} ended with ${how}`)
}

function say(text) {
  if (!quiet) process.stderr.write(`layerline: ${text}\n`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) setup()
