// `npm test`: installs and builds if needed, says what tests will fetch, runs them. `--all` adds the heavy ones; other arguments go to vitest.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { missingDownloads } from './downloads.mjs'
import { root, setup } from './setup.mjs'

const given = process.argv.slice(2)
const args = given.filter((arg) => arg !== '--all')
/** Kinds of tests, by their files' names; vitest.config.ts says which are which. A file that is named runs, of whatever kind. */
const kinds = ['unit', 'program']
if (args.length < given.length || args.some((arg) => arg.includes('.full.'))) kinds.push('full')
if (args.some((arg) => arg.includes('.long.'))) kinds.push('long')

setup()
const { lines, folder } = await missingDownloads(kinds)
if (lines.length > 0) {
  const which = args.length === 0 ? '' : ' where these tests use it'
  process.stdout.write(`To be fetched${which}, once, into ${folder} (sizes there):\n  ${lines.join('\n  ')}\n`)
}
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
const projects = kinds.flatMap((kind) => ['--project', kind])
const child = spawn(process.execPath, [vitest, 'run', ...projects, ...args], { cwd: root, stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => {
  process.exitCode = code ?? (signal === null ? 5 : 130)
})
