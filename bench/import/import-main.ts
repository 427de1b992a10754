import { importRun } from '../../src/imports/import-run.ts'

/** `node import-main.js FILE OUT [--stacks]`: one import, in a process that does nothing else. */
const [file = '', out = '', stacks] = process.argv.slice(2)
const { run } = await importRun(file, out, {
  stacks: stacks === '--stacks',
  args: false,
  strict: false,
  onProgress: () => {},
})
process.stdout.write(`${run.layers.slices?.rows ?? 0}\n`)
