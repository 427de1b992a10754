import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { memoryContext, until } from '../../../../test/support/memory-context.ts'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import { requestIdReader } from '../../requests/header-run-id.ts'
import { prepareStepLog } from './step-log.ts'

const HEX = 'a1b2c3d4'

function logIn(folder: string) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'steps-7.jsonl')
  const base = process.hrtime.bigint()
  const head = {
    layerline_step_log: 1,
    pid: 7,
    monotonic_ns: base.toString(),
    unix_ns: '1',
    scheduler: 'vllm.S',
    async_scheduling: false,
  }
  writeFileSync(file, `${JSON.stringify(head)}\n`)
  return {
    add: (text: string) => appendFileSync(file, text),
    line: (value: object) => appendFileSync(file, `${JSON.stringify(value)}\n`),
    base,
  }
}

it('makes a slice of each step and of each request of the run in it', async () => {
  const memory = memoryContext()
  const folder = join(tempFolder(), 'steps')
  const log = logIn(folder)
  const source = prepareStepLog(folder)
  await source.start(memory.context)
  // Request 4 of this run is prefilled in two steps beside decodes of another client; then come 4 decodes alone, two
  // tokens at once.
  log.line({
    n: 0,
    a: 1e6,
    b: 2e6,
    new: [
      [0, `cmpl-other-1-0-${HEX}`, 3, 0],
      [1, `cmpl-run-4-0-${HEX}`, 10, 2],
    ],
    r: [
      [0, 1, 5],
      [1, 6, 2],
    ],
  })
  log.line({ e: 0, a: 5e6, b: 6e6, o: [[0, 1]] })
  log.line({ n: 1, a: 7e6, b: 8e6, f: [0], r: [[1, 2, 8]] })
  log.line({ e: 1, a: 9e6, b: 9.5e6, o: [[1, 1]] })
  // Cut in the middle of a line, as a follower may see it.
  const last = JSON.stringify({ n: 2, a: 10e6, b: 11e6, p: [1], r: [[1, 3, 10]] })
  log.add(last.slice(0, 20))
  expect(await until(() => memory.gaps().length === 4)).toBe(true)
  log.add(`${last.slice(20)}\n`)
  log.line({ e: 2, a: 13e6, b: 14e6, o: [[1, 2]] })
  await source.stop()
  expect(source.problem).toBeNull()
  const start = Number(log.base - memory.context.clock.monotonicBaseNs)
  const rows = memory
    .gaps()
    .map(({ t_ns, dur_ns, name, category, tokens, request_id, args }) => [
      ...[category, name, Math.round((t_ns - start) / 1e6), dur_ns / 1e6, tokens, request_id, args],
    ])
  expect(rows).toEqual([
    ['step', 'mixed', 1, 4, 7, null, '{"requests":2}'],
    ['scheduled', 'chunked prefill', 1, 4, 6, 4, null],
    ['step', 'prefill', 7, 2, 2, null, null],
    ['scheduled', 'prefill', 7, 2, 2, 4, null],
    ['preemption', 'preempted', 10, 0, null, 4, null],
    ['step', 'decode', 10, 3, 3, null, null],
    ['scheduled', 'decode', 10, 3, 3, 4, '{"emitted":2}'],
  ])
  const steps = memory.gaps().filter(({ category }) => category === 'step')
  const scheduled = memory.gaps().filter(({ category }) => category === 'scheduled')
  expect(scheduled.map(({ step_id }) => step_id)).toEqual(steps.map(({ slice_id }) => slice_id))
  expect(memory.tracks().map(({ name, layer, process }) => [name, layer, process])).toEqual([
    ['steps', 'engine', '7 engine core'],
    ['scheduled requests', 'engine', '7 engine core'],
  ])
})

it('leaves out steps that began before the run, and says what it could not read', async () => {
  const folder = join(tempFolder(), 'steps')
  const log = logIn(folder)
  log.line({ n: 0, a: 0, b: 1, new: [[0, `cmpl-run-4-0-${HEX}`, 3, 0]], r: [[0, 3, 0]] })
  await new Promise((resolve) => setTimeout(resolve, 5))
  const memory = memoryContext()
  const source = prepareStepLog(folder)
  await source.start(memory.context)
  log.line({ e: 0, a: 60e9, b: 60e9, o: [[0, 1]] })
  log.add('no step\n{"n":"x"}\n[]\n')
  await source.stop()
  expect(memory.gaps()).toEqual([])
  expect(source.problem).toContain('a line that is no step: no step')
  expect(memory.notes).toHaveLength(1)
})

it('says that a log is full', async () => {
  const folder = join(tempFolder(), 'steps')
  const log = logIn(folder)
  log.line({ full: true })
  const source = prepareStepLog(folder)
  await source.start(memoryContext().context)
  await source.stop()
  expect(source.problem).toContain('is full')
})

it('refuses a folder that is not there, or has no logs', () => {
  for (const folder of ['/no/such/folder', tempFolder()]) {
    expect(() => prepareStepLog(folder)).toThrow(expect.objectContaining({ code: 'input/step-log' }))
  }
})

it('knows its own requests by the id that the server made of the header', () => {
  const idOf = requestIdReader('20260101-a.b (1)')
  expect(idOf('cmpl-20260101-a.b-1--17-0-0123abcd')).toBe(17)
  expect(idOf('chatcmpl-20260101-a.b-1--17-0123abcd')).toBe(17)
  expect(idOf('cmpl-20260101-axb-1--17-0-0123abcd')).toBeNull()
  expect(idOf('cmpl-20260101-a.b-1--x-0-0123abcd')).toBeNull()
  expect(idOf('20260101-a.b-1--17')).toBeNull()
})

it('tells nothing of a run of the same name that was before', async () => {
  // The run begins before the log, by no more than an hour: what was before it has times further back.
  const memory = memoryContext()
  const folder = join(tempFolder(), 'steps')
  const log = logIn(folder)
  const source = prepareStepLog(folder)
  await source.start(memory.context)
  const before = -3600e9
  log.line({ n: 0, a: before, b: before, new: [[0, `cmpl-run-4-0-${HEX}`, 3, 0]], r: [[0, 3, 0]] })
  log.line({ e: 0, a: before + 1e6, b: before + 2e6, o: [[0, 1]] })
  log.line({ n: 1, a: before + 3e6, b: before + 3e6, p: [0], r: [] })
  log.line({ n: 2, a: 10e6, b: 10e6, f: [0], new: [[1, `cmpl-run-4-0-${HEX}`, 3, 0]], r: [[1, 3, 0]] })
  log.line({ e: 2, a: 11e6, b: 12e6, o: [[1, 1]] })
  expect(await until(() => memory.gaps().length >= 2)).toBe(true)
  await source.stop()
  expect(memory.gaps().map(({ category, name }) => [category, name])).toEqual([
    ['step', 'prefill'],
    ['scheduled', 'prefill'],
  ])
})
