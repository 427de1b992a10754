// `npm run test:verdict [-- FILE.jsonl]`: builds if needed, judges seeded simulated runs of known capacity and writes
// the verdict on each: docs/verdict-runs.jsonl, from which `npm run docs` makes the tables of docs/verdict.md.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

setup()
const main = join(root, 'dist', 'test', 'verdict', 'main.js')
const file = process.argv[2] ?? join(root, 'docs', 'verdict-runs.jsonl')
const child = spawn(process.execPath, [main, file], { stdio: 'inherit' })
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
child.on('exit', (code) => {
  process.exitCode = code ?? 5
})
