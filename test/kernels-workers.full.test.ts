import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Inventory } from '../src/session/kernels/inventory/inventory.ts'
import { sqlRows } from './support/cli.ts'
import { isGone, kernelBatch, outcomes } from './support/kernel-batch.ts'
import { missingProgram, needs } from './support/needs.ts'

// The workers' stand-in is a Python program.
needs(missingProgram('python3'))

const ENDS = {
  segv: ['crash', 'ended by SIGSEGV'],
  abort: ['crash', 'ended by SIGABRT'],
  memory: ['out_of_memory_host', 'MemoryError: cannot allocate 1 GiB'],
  'cuda-memory': ['out_of_memory_device', 'CUDA out of memory. Tried to allocate 20.00 MiB'],
  silent: ['no_output', 'exit code 0, and no marker'],
  liar: ['no_output', 'exit code 0, and a marker of failure'],
  dependency: ['missing_dependency', "No module named 'triton'"],
  unsupported: ['unsupported', 'vLLM does not train'],
  raises: ['exception', 'ValueError: shapes do not fit'],
} as const

test('each way to fail is told apart and recorded, and harms no other model', async () => {
  const batch = kernelBatch()
  const names = ['good', ...Object.keys(ENDS), 'garbage']
  const models = names.map((name) => batch.model(name))
  const { code, summary } = await batch.run([
    '--model',
    ...models,
    '--tracers',
    'alpha,beta',
    '--jobs',
    '2',
    '--device',
    'cuda',
  ])
  expect(code).toBe(1)
  expect(summary.counts).toMatchObject({ done: 2 * names.length - 9, failed: 9, skipped: 0, waiting: 0 })
  for (const [name, [kind, message]] of Object.entries(ENDS)) {
    const job = summary.jobs.find(({ model, tracer }) => model.endsWith(`/${name}`) && tracer === 'alpha')
    expect(job, name).toMatchObject({ state: 'failed', kind, message })
    expect(batch.marker(`${name}/eval/alpha`), name).toMatchObject({
      success: false,
      tracer: 'alpha',
      mode: 'eval',
      error: { kind, message },
    })
    expect(batch.marker(`${name}/eval/beta`), name).toMatchObject({ success: true })
  }
  expect(outcomes(summary)).toMatchObject({ 'good alpha': 'done', 'garbage alpha': 'done' })
  const log = readFileSync(join(batch.folder, 'outputs/garbage/eval/alpha/worker.log'), 'utf8')
  expect(log.length).toBeGreaterThan(3_000_000)
  // A trace is a run, too; and all are in the inventory.
  const ops = await sqlRows(
    batch.folder,
    'outputs/good/eval/alpha/run',
    'SELECT model, op, count AS n, self_cpu_ns FROM ops',
  )
  expect(ops).toEqual([{ model: 'good', op: 'aten::mm', n: 2, self_cpu_ns: 4000 }])
  const inventory = JSON.parse(readFileSync(join(batch.folder, 'outputs/inventory.json'), 'utf8')) as Inventory
  expect(inventory.ops.map(({ op, uses }) => [op, uses.map(({ model, tracer }) => `${model} ${tracer}`)])).toEqual([
    ['aten::mm', ['good alpha', 'good beta']],
  ])
})

test('a worker that does nothing hangs; one that works is ended when its time is over', async () => {
  const batch = kernelBatch()
  const hang = await batch.run(['--model', batch.model('hang'), '--tracers', 'alpha', '--hang-timeout', '2'])
  expect(hang.summary.jobs[0]).toMatchObject({ state: 'failed', kind: 'hang', message: 'no word and no work for 2 s' })
  const spin = await batch.run(['--model', batch.model('spin'), '--tracers', 'alpha', '--trace-timeout', '2'])
  expect(spin.summary.jobs[0]).toMatchObject({ state: 'failed', kind: 'timeout', message: 'not done after 2 s' })
  for (const { pid } of batch.calls('run')) expect(isGone(pid)).toBe(true)
})

test('what a worker leaves behind is ended, also out of its process group and against its will', async () => {
  const batch = kernelBatch()
  const { code, summary } = await batch.run(['--model', batch.model('orphans'), '--tracers', 'alpha'])
  expect(code).toBe(0)
  expect(summary.jobs[0]).toMatchObject({ state: 'done', note: '3 processes that it left behind were ended' })
  const children = batch.calls('child').map(({ child }) => child)
  expect(children).toHaveLength(3)
  for (const pid of children) expect(isGone(pid)).toBe(true)
})

test('after the first failure nothing new begins where the configuration says so', async () => {
  const batch = kernelBatch()
  writeFileSync(join(batch.folder, 'c.yaml'), 'behavior:\n  continue_on_failure: false\n')
  const models = [batch.model('good'), batch.model('segv'), batch.model('after')]
  const { code, summary } = await batch.run([
    '--model',
    ...models,
    '--tracers',
    'alpha',
    '--config',
    'c.yaml',
    '--download-workers',
    '1',
  ])
  expect(code).toBe(1)
  expect(outcomes(summary)).toEqual({ 'good alpha': 'done', 'segv alpha': 'crash', 'after alpha': 'stopped' })
})
