// `npm test`: installs and builds if needed, then runs the tests. `--all` adds the heavy ones; other arguments go to vitest.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

const given = process.argv.slice(2)
const args = given.filter((arg) => arg !== '--all')
/** Kinds of tests, by their files' names; vitest.config.ts says which are which. A file that is named runs, of whatever kind. */
const kinds = ['unit', 'program']
if (args.length < given.length || args.some((arg) => arg.includes('.full.'))) kinds.push('full')
if (args.some((arg) => arg.includes('.long.'))) kinds.push('long')

setup()
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const projects = kinds.flatMap((kind) => ['--project', kind])
const child = spawn(process.execPath, [vitest, 'run', ...projects, ...args], { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 5 : 130)
})
