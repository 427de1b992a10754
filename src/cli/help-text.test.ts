import { expect, test } from 'vitest'
import { COMMANDS } from './commands.ts'
import { helpColumns, helpEnd, helpStart, wrapped } from './help-text.ts'
import { groupedOptions } from './options/help-groups.ts'

test('help starts with what the command is for and an example, and fits the terminal', () => {
  for (const command of COMMANDS) {
    const [what, , example, , ...about] = helpStart(command, 80).split('\n')
    expect(what?.toLowerCase(), command.name).toBe(`${command.summary.toLowerCase()}.`)
    expect(example).toBe(`  ${command.examples[0]?.line}`)
    expect(about.join(' ').trim()).toBe(command.about)
    for (const line of about) expect(line.length, `${command.name}: ${line}`).toBeLessThanOrEqual(80)
    for (const { line } of command.examples.slice(1)) expect(helpEnd(command)).toContain(`    ${line}`)
  }
})

test('every option is shown once, common ones first', () => {
  for (const command of COMMANDS) {
    const groups = groupedOptions(command)
    const shown = groups.flatMap(({ options }) => options)
    expect(shown.toSorted(), command.name).toEqual(command.options.toSorted())
    expect(shown.slice(0, command.common?.length ?? 0)).toEqual(command.common ?? [])
    expect(new Set(groups.map(({ title }) => title)).size).toBe(groups.length)
  }
})

test('no wider than the terminal, nor than a line that can be read', () => {
  expect([helpColumns(60), helpColumns(undefined), helpColumns(240)]).toEqual([60, 80, 100])
  expect(wrapped('one two three', 8)).toEqual(['one two', 'three'])
  expect(wrapped('a-word-that-is-longer b', 8)).toEqual(['a-word-that-is-longer', 'b'])
})
