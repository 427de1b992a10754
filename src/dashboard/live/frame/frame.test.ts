import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stateAt } from '../../../../test/support/live-state.ts'
import { type ColorDepth, paletteFor } from '../chart/palette.ts'
import { VIEWS } from '../live-state.ts'
import { frame } from './frame.ts'
import type { LiveStyle } from './live-style.ts'

const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 100, rows: 30 },
  { columns: 240, rows: 60 },
]
// biome-ignore lint/suspicious/noControlCharactersInRegex: what paints is one
const SGR = /\x1b\[([0-9;]*)m/g

function style(depth: ColorDepth = 1, more: Partial<LiveStyle> = {}): LiveStyle {
  return {
    palette: paletteFor(depth),
    noPlot: false,
    plotRows: 2,
    plotHeight: undefined,
    sparkWidth: undefined,
    yWidth: 7,
    numWidth: 11,
    barWidth: undefined,
    ...more,
  }
}

/** Columns on a terminal, by the East Asian widths of what the tests put in. */
function columnsOf(line: string): number {
  let columns = 0
  for (const character of line.replaceAll(SGR, ''))
    columns += /[\u4e00-\u9fff\u3040-\u30ff\u{1f680}]/u.test(character) ? 2 : 1
  return columns
}

const state = stateAt(70)
const sized = fc.option(fc.integer({ min: 1, max: 90 }), { nil: undefined })

describe('a frame', () => {
  it('fills the terminal exactly, whatever its size, view, colours and flags', () => {
    const styles = fc
      .record({
        depth: fc.constantFrom<ColorDepth>(1, 4, 8, 24),
        noPlot: fc.boolean(),
        plotRows: fc.constantFrom(1 as const, 2 as const),
        plotHeight: sized,
        sparkWidth: sized,
        barWidth: sized,
        yWidth: fc.integer({ min: 1, max: 30 }),
        numWidth: fc.integer({ min: 4, max: 30 }),
      })
      .map(({ depth, ...more }) => style(depth, more))
    const sizes = fc.record({ columns: fc.integer({ min: 1, max: 250 }), rows: fc.integer({ min: 1, max: 70 }) })
    fc.assert(
      fc.property(sizes, styles, fc.constantFrom(...VIEWS), fc.boolean(), (size, style, view, help) => {
        const lines = frame({ ...state, view, help }, size, style)
        expect(lines).toHaveLength(size.rows)
        for (const line of lines) expect(columnsOf(line)).toBe(size.columns)
      }),
    )
  })

  it('of a run that has not begun, or has no value yet, is whole too', () => {
    for (const size of SIZES) {
      for (const figures of [null, stateAt(0).figures]) {
        const lines = frame({ ...stateAt(0), figures, phase: 'starting' }, size, style())
        expect(lines.map(columnsOf)).toEqual(Array.from({ length: size.rows }, () => size.columns))
      }
    }
  })

  it.each(SIZES)('of $columns x $rows shows what the run is about', (size) => {
    const text = frame(state, size, style()).join('\n')
    for (const part of [
      'layerline trace model/名前 · 127.0.0.1:8000',
      '● recording  1:10',
      '70%  700 of 1,000 requests',
      'about 0:30 left',
      'requests/s',
      'output tokens/s',
      'TTFT p95',
      'TPOT p95',
      'E2E p95',
      '697 ok  3 failed: 1 timeout, 2 http_error (503)  12 in flight',
      'TX 840kB  12.0kB/s, request bodies  RX 9.80MB  140kB/s, SSE stream',
      '10 running  2 waiting  KV cache',
      'q quit',
    ])
      expect(text).toContain(part)
    expect(text).toMatch(/TTFT +162ms +211ms +215ms │ +135ms +176ms +179ms +180ms +5\.00k/)
    expect(text).toMatch(/GPU █████*[^ ]* +80% +140W/)
  })

  it('writes no escape sequence without colours, and only those of its depth with them', () => {
    const codes = (depth: ColorDepth) =>
      new Set(
        SIZES.flatMap((size) =>
          [...frame(state, size, style(depth)).join('').matchAll(SGR)].map(([, code]) => code as string),
        ),
      )
    const plain = frame({ ...state, view: 'machine' }, SIZES[2] as (typeof SIZES)[0], style(1)).join('\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none is to be there
    expect(plain).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/)
    for (const code of codes(4)) expect(code).toMatch(/^([0-2]|3[1-7])$/)
    for (const code of codes(8)) expect(code).toMatch(/^([0-2]|38;5;\d+)$/)
    for (const code of codes(24)) expect(code).toMatch(/^([0-2]|38;2;\d+;\d+;\d+)$/)
    expect(codes(24).size).toBeGreaterThan(10)
  })

  it('paints what the server prints, but lets it steer nothing', () => {
    const bare = frame(state, { columns: 120, rows: 40 }, style(24)).join('\n').replaceAll(SGR, '')
    expect(bare).toContain('last failure: HTTP 503 Service Unavailable: 混雑しています')
    expect(bare).not.toContain('\x1b')
  })

  it('keeps axis, graph and numbers where they are while the values change', () => {
    const columnsOfAxes = (lines: readonly string[]) =>
      lines.map((line) => [...line].flatMap((character, i) => (character === '┤' ? [i] : [])))
    for (const size of SIZES) {
      const [now, later] = [stateAt(30), stateAt(31, {}, { rates: { ...state.figures!.rates, outputTokensPerS: 1e7 } })]
      const [a, b] = [frame(now, size, style()), frame(later, size, style())]
      // The host's name is wide: only lines of charts have an axis.
      expect(columnsOfAxes(a).flat().length).toBeGreaterThan(6)
      expect(columnsOfAxes(b)).toEqual(columnsOfAxes(a))
    }
  })

  it('paints by thresholds', () => {
    const machine = (kvCacheRatio: number) =>
      frame(
        stateAt(5, { view: 'machine' }, { server: { running: 1, waiting: 0, kvCacheRatio } }),
        { columns: 100, rows: 30 },
        style(4),
      ).find((line) => line.includes('KV cache') && line.includes('running')) as string
    expect(machine(0.5)).toContain('\x1b[34mKV cache')
    expect(machine(0.9)).toContain('\x1b[33mKV cache')
    expect(machine(0.99)).toContain('\x1b[31mKV cache')
  })

  it('says what it is doing', () => {
    const doing = (more: Parameters<typeof stateAt>[1], figures = {}) =>
      frame(stateAt(5, more, figures), { columns: 100, rows: 30 }, style())[0]
    expect(doing({}, { paused: true })).toContain('● paused')
    expect(doing({ phase: 'draining' })).toContain('● stopping')
    expect(doing({ phase: 'cut' })).toContain('● cutting off')
    expect(doing({ phase: 'sealing', sealed: 0.4 })).toContain('● sealing 40%')
  })
})
