import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LayerlineError } from '../src/base/errors.ts'
import { runProgram } from '../src/cli/program.ts'
import { until } from './support/cli.ts'
import { isGone, kernelBatch, outcomes, type StandInCall } from './support/kernel-batch.ts'
import { missingProgram, needs } from './support/needs.ts'

// The workers' stand-in is a Python program.
needs(missingProgram('python3'))

/** Models are ready one after another. */
const IN_ORDER = ['--download-workers', '1']

test('a trace is left exactly where success, tracer, framework, device, mode and version are the same', async () => {
  const batch = kernelBatch()
  const changes: Record<string, Record<string, unknown>> = {
    same: { timestamp: '2020-01-01T00:00:00Z', model: 'Other' },
    success: { success: false },
    tracer: { tracer: 'beta' },
    framework: { framework: 'vllm' },
    device: { device: 'cuda' },
    mode: { mode: 'train' },
    version: { tracer_version: '2' },
    none: { tracer_version: undefined },
  }
  const models = Object.keys(changes).map((name) => batch.model(name))
  const args = ['--model', ...models, '--tracers', 'alpha', '--device', 'cpu', '--jobs', '2']
  expect((await batch.run(args)).summary.counts.done).toBe(models.length)
  for (const [name, change] of Object.entries(changes)) {
    const job = `${name}/eval/alpha`
    batch.writeMarker(job, { ...batch.marker(job), ...change })
  }
  writeFileSync(join(batch.folder, 'outputs/version/eval/alpha/stale.json'), '{}')
  const again = await batch.run(args)
  expect(again.code).toBe(0)
  const states = Object.fromEntries(
    Object.keys(changes).map((name) => [`${name} alpha`, name === 'same' ? 'bypassed' : 'done']),
  )
  expect(outcomes(again.summary)).toEqual(states)
  expect(batch.calls('run')).toHaveLength(2 * models.length - 1)
  // A trace made anew has nothing of the old one.
  expect(() => readFileSync(join(batch.folder, 'outputs/version/eval/alpha/stale.json'))).toThrow()

  const one = ['--model', models[0] as string, '--tracers', 'alpha', '--device', 'cpu']
  expect(outcomes((await batch.run([...one, '--force'])).summary)).toEqual({ 'same alpha': 'done' })
  writeFileSync(join(batch.folder, 'c.yaml'), 'behavior: {bypass_if_exists: false}\n')
  const overwritten = [...one, '--mode', 'train', '--config', 'c.yaml']
  for (const _ of [1, 2]) expect(outcomes((await batch.run(overwritten)).summary)).toEqual({ 'same alpha': 'done' })
})

test('Ctrl-C ends the workers and keeps what is done; the same command goes on', async () => {
  const batch = kernelBatch()
  const models = [batch.model('good'), batch.model('wait')]
  const args = ['--model', ...models, '--tracers', 'alpha,beta', ...IN_ORDER]
  const cli = batch.start(args)
  await until(() => batch.calls('waiting').length > 0)
  process.kill(cli.pid, 'SIGINT')
  const { code, stdout, stderr } = await cli.ended
  expect(code, stderr).toBe(130)
  expect(stderr).toContain('stopping: workers are ended; what is done is kept')
  expect(stdout).toContain('2 left: the same command resumes them')
  for (const { pid, child } of batch.calls('waiting')) {
    expect([isGone(pid), isGone(child)]).toEqual([true, true])
  }
  expect(batch.marker('wait/eval/alpha')).toMatchObject({ success: false, error: { kind: 'interrupted' } })
  writeFileSync(batch.gate, '')
  const on = await batch.run(args)
  expect(on.code).toBe(0)
  expect(outcomes(on.summary)).toEqual({
    'good alpha': 'bypassed',
    'good beta': 'bypassed',
    'wait alpha': 'done',
    'wait beta': 'done',
  })
})

test('workers end with an orchestrator that is killed, and the next one takes over', async () => {
  const batch = kernelBatch()
  const args = ['--model', batch.model('wait'), '--tracers', 'alpha']
  const cli = batch.start(args)
  await until(() => batch.calls('waiting').length > 0)
  process.kill(cli.pid, 'SIGKILL')
  await cli.ended
  const [waiting] = batch.calls('waiting') as [StandInCall]
  await until(() => isGone(waiting.pid) && isGone(waiting.child))
  writeFileSync(batch.gate, '')
  expect(outcomes((await batch.run(args)).summary)).toEqual({ 'wait alpha': 'done' })
})

test('two orchestrators on one folder do each trace once', async () => {
  const batch = kernelBatch()
  const args = [
    '--model',
    batch.model('wait'),
    batch.model('a'),
    batch.model('b'),
    '--tracers',
    'alpha,beta',
    ...IN_ORDER,
  ]
  const first = batch.start(args)
  await until(() => batch.calls('waiting').length > 0)
  const second = batch.start([...args, '--json'])
  // The second does what is free while the first one waits.
  await until(() => batch.calls('end').length >= 5)
  writeFileSync(batch.gate, '')
  expect((await first.ended).code).toBe(0)
  const { code, stdout } = await second.ended
  expect(code).toBe(0)
  expect(outcomes(JSON.parse(stdout) as never)).toMatchObject({ 'wait alpha': 'bypassed' })
  const traced = batch.calls('run').map(({ model, tracer }) => `${model} ${tracer}`)
  expect(traced.sort()).toEqual(['a alpha', 'a beta', 'b alpha', 'b beta', 'wait alpha', 'wait beta'])
})

test('GPUs are handed out, and tracers of a group never run at once', async () => {
  const batch = kernelBatch()
  const models = ['one', 'two', 'three'].map((name) => batch.model(name))
  const gpus = ['--device', 'cuda', '--gpus', '0,1,2,3', '--tensor-parallel-size', '2']
  const { summary } = await batch.run(['--model', ...models, ...gpus])
  expect(summary.counts.done).toBe(9)
  const spans = batch.calls('run').map((begin) => {
    const end = batch.calls('end').find(({ pid }) => pid === begin.pid) as StandInCall
    return { ...begin, until: end.t }
  })
  expect(new Set(spans.map(({ gpus: given }) => given))).toEqual(new Set(['0,1', '2,3']))
  const together = spans.flatMap((a, i) =>
    spans.slice(i + 1).flatMap((b) => (a.t < b.until && b.t < a.until ? [[a, b] as const] : [])),
  )
  for (const [a, b] of together) {
    expect(a.gpus).not.toBe(b.gpus)
    expect([a.tracer, b.tracer]).toContain('alpha')
  }
})

test('what is wrong with the command line is said before anything starts', async () => {
  const batch = kernelBatch()
  const model = batch.model('good')
  const file = (name: string, text: string) => {
    writeFileSync(join(batch.folder, name), text)
    return join(batch.folder, name)
  }
  const config = file('c.yaml', 'timeouts:\n  download: 5\n  hf_trase: 3\n')
  const outputs = join(batch.folder, 'outputs')
  const said = async (...args: string[]) => {
    const error = await runProgram(batch.arguments(['--output-dir', outputs, ...args])).catch(
      (caught: unknown) => caught,
    )
    return error instanceof LayerlineError ? [error.exitCode, error.message, error.hint ?? ''].join('\n') : 'no error'
  }
  expect(await said('--model', model, '--tracers', 'alpa')).toBe('2\nno tracer named alpa\ndid you mean alpha?')
  expect(await said('--model', model, '--tracers', 'gamma', '--mode', 'train', '--device', 'cpu')).toContain(
    '2\ngamma does not trace huggingface, mode train, on cpu',
  )
  expect(await said()).toContain('2\nno model to trace; expected --model, --models or --model-list')
  expect(await said('--model', model, '--config', config)).toBe(
    `2\n${config}:3:3: unknown key \`hf_trase\`\ndid you mean \`hf_trace\`?`,
  )
  expect(await said('--model', model, '--gpus', '0', '--tensor-parallel-size', '2')).toContain(
    'expected as many at least',
  )
  expect(await said('--model', model, '--output-tokens', 'uniform:1,2')).toContain('expected a whole number from 1')
  expect(await said('--model', model, '--output-dir', join(config, 'in-a-file'))).toContain('2\n--output-dir ')
  rmSync(join(model, 'config.json'))
  expect(await said('--model', model)).toContain('no config.json in it')
  expect(existsSync(outputs)).toBe(false)
})
