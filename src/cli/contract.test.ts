import { expect, test } from 'vitest'
import { EXIT } from '../base/errors.ts'
import { COMMANDS } from './commands.ts'
import { OPTIONS } from './options.ts'
import { optionOf, runProgram } from './program.ts'

/** Names that scripts rely on; once here, they stay. */
const CONTRACT: Record<string, { arguments: string[]; options: string[] }> = {
  demo: { arguments: [], options: ['engine'] },
  engine: { arguments: ['ACTION', 'NAME'], options: ['port', 'model'] },
  trace: {
    arguments: [],
    options:
      'prompts url model sample-ms concurrency repeat warmup max-tokens sizes stage out seed temperature header'.split(
        ' ',
      ),
  },
  os: { arguments: ['ACTION', 'CMD'], options: ['probes', 'out', 'json'] },
  report: { arguments: ['RUN'], options: ['json'] },
  sql: { arguments: ['RUN', 'SELECT'], options: ['json', 'csv'] },
  export: { arguments: ['RUN'], options: ['to', 'out'] },
  study: { arguments: ['WHAT'], options: ['url', 'gpu', 'periods', 'repeat', 'seed', 'out', 'json'] },
  doctor: { arguments: [], options: ['json'] },
  recover: { arguments: ['RUN'], options: ['quiet'] },
}

test('the fixed names of the command line are there', () => {
  for (const [name, { arguments: positional, options }] of Object.entries(CONTRACT)) {
    const command = COMMANDS.find((spec) => spec.name === name)
    expect(
      command?.arguments.map((argument) => argument.name),
      name,
    ).toEqual(positional)
    expect(command?.options, name).toEqual(expect.arrayContaining(options))
  }
  expect(EXIT).toEqual({ done: 0, badVerdict: 1, usage: 2, unreachable: 3, missing: 4, internal: 5, interrupted: 130 })
})

test('every command has an example, and every option a use and a text', () => {
  for (const command of COMMANDS) {
    expect(command.examples.length, command.name).toBeGreaterThan(0)
    for (const { line } of command.examples) expect(line).toMatch(new RegExp(`^layerline ${command.name}\\b`))
    for (const name of command.options) expect(optionOf(command, name).doc, name).not.toBe('')
  }
  const used = new Set(COMMANDS.flatMap(({ options }) => options))
  expect(Object.keys(OPTIONS).filter((name) => !used.has(name as keyof typeof OPTIONS))).toEqual([])
})

test.each([
  // A timer that is asked for more than it holds fires at once.
  ['--duration', '3e6', 'expected at most 2147483'],
  ['--log-every', '1e9', 'expected at most 2147483'],
  ['--metrics-port', '65536', 'expected at most 65535'],
])('%s %s is too much', async (option, value, text) => {
  const wrong = runProgram(['load', '--rate', '1', '--url', 'http://127.0.0.1:1', option, value])
  await expect(wrong).rejects.toMatchObject({ code: 'usage/arguments', message: expect.stringContaining(text) })
})
