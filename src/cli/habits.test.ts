import { expect, test } from 'vitest'
import { COMMANDS } from './commands.ts'
import { withoutAliases } from './option-aliases.ts'
import { runProgram } from './program.ts'

const aliased = (...argv: string[]) =>
  withoutAliases(
    argv,
    COMMANDS.find(({ name }) => name === argv[0]),
  )

test("other tools' names of options are those of Layerline", () => {
  expect(aliased('trace', '--csv', 'p.csv')).toEqual(['trace', '--prompts', 'p.csv'])
  expect(aliased('replay', '--csv=a.csv')).toEqual(['replay', '--trace=a.csv'])
  expect(aliased('kernels', 'run', '--model-path', 'm', '--tracer', 't')).toEqual(
    'kernels run --model m --tracers t'.split(' '),
  )
  expect(aliased('kernels', '--describe-tracer', 't')).toEqual(['kernels', '--describe', 't'])
  expect(aliased('sql', 'RUN', 'SELECT 1', '--csv')).toEqual(['sql', 'RUN', 'SELECT 1', '--csv'])
  expect(aliased('os', 'run', '--', 'trace', '--csv')).toEqual(['os', 'run', '--', 'trace', '--csv'])
})

test.each([
  [['trace', '--promts', 'p.csv'], '--prompts'],
  [['trace', '--slo', 'ttft=1s'], 'load'],
  [['report', 'RUN', '--concurrency', '4'], 'trace'],
  [['load', '--rat', '5'], '--rate'],
  [['sql', 'RUN', 'SELECT 1', '--speedupp', '2'], '--speedup'],
])('%j is told what there is: %s', async (argv, named) => {
  const wrong = runProgram(argv)
  await expect(wrong).rejects.toMatchObject({ code: 'usage/arguments', hint: expect.stringContaining(named) })
})

test.each([
  ['--duration', '5x'],
  ['--duration', 'soon'],
  ['--connect-timeout', '1,5'],
])('%s %s is no duration', async (option, value) => {
  const wrong = runProgram(['load', '--rate', '1', '--url', 'http://127.0.0.1:1', option, value])
  await expect(wrong).rejects.toMatchObject({ code: 'usage/arguments', message: expect.stringContaining('500ms') })
})

test('export takes --until, and a second --to for it, but not both', async () => {
  const missing = { code: 'input/run' }
  const to = ['export', '/nowhere', '--to', 'chrome', '--out', 'o']
  await expect(runProgram([...to, '--until', '500ms'])).rejects.toMatchObject(missing)
  await expect(runProgram([...to, '--to', '5'])).rejects.toMatchObject(missing)
  await expect(runProgram([...to, '--to', '5', '--until', '6'])).rejects.toMatchObject({ code: 'usage/arguments' })
  await expect(runProgram([...to, '--from', '7', '--until', '6s'])).rejects.toMatchObject({ code: 'usage/arguments' })
})

test('a percentile as a limit of --slo is told how it is written', async () => {
  const wrong = runProgram(['load', '--rate', '1', '--url', 'http://127.0.0.1:1', '--slo', 'ttft_p99=500ms'])
  await expect(wrong).rejects.toMatchObject({
    code: 'usage/slo',
    hint: expect.stringContaining('--slo ttft=500ms --attainment 99%'),
  })
})
