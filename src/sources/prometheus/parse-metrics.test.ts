import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseLabels, parseMetrics } from './parse-metrics.ts'

const all = (): boolean => true
const name = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,12}$/)
const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,8}$/).filter((each) => each !== '__proto__')
const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
const value = fc.oneof(
  // String() writes -0 as 0.
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((each) => [Object.is(each, -0) ? '-0' : String(each), each] as const),
  fc.constantFrom(
    ['NaN', Number.NaN] as const,
    ['+Inf', Number.POSITIVE_INFINITY] as const,
    ['-Inf', Number.NEGATIVE_INFINITY] as const,
  ),
)
const sample = fc.record({
  name,
  labels: fc.dictionary(labelName, fc.string(), { maxKeys: 3, noNullPrototype: true }),
  value,
  stamp: fc.boolean(),
})

describe('a page of metrics', () => {
  it('gives each sample back, with any label', () => {
    fc.assert(
      fc.property(fc.array(sample), (samples) => {
        const lines = samples.flatMap(({ name, labels, value: [shown], stamp }) => {
          const inside = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`)
          return [
            `# HELP ${name} some } text`,
            `${name}${inside.length === 0 ? '' : `{${inside.join(',')}}`} ${shown}${stamp ? ' 1700000000000' : ''}`,
          ]
        })
        const read = parseMetrics(lines.map((line) => `${line}\n`).join(''), all)
        expect(read.map((each) => ({ ...each, labels: parseLabels(each.labels) }))).toEqual(
          samples.map(({ name, labels, value: [, number] }) => ({ name, labels, value: number })),
        )
      }),
    )
  })

  it('may hold anything and be cut anywhere', () => {
    const part = fc.oneof(fc.string(), fc.constantFrom('vllm:x', '{', '}', '"', '\\', ' 1', '\n', '#', '='))
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        for (const { name, value } of parseMetrics(parts.join(''), all)) {
          expect(name).toMatch(/^[a-zA-Z_:]/)
          expect(typeof value).toBe('number')
        }
      }),
    )
    expect(parseMetrics('a 1\nb 22', all).map((each) => each.name)).toEqual(['a'])
    expect(parseMetrics('a{x="1"} 5 # {trace="}"} 0.3\na{x="1 2\nb one\n', all)).toEqual([
      { name: 'a', labels: 'x="1"', value: 5 },
    ])
  })
})
