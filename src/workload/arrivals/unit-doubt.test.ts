import { expect, test } from 'vitest'
import type { TimeUnit } from '../trace-rows/bytes/time-unit.ts'
import { unitDoubt } from './unit-doubt.ts'

const evenly = (step: number, rows: number, from = 0) => Array.from({ length: rows }, (_, i) => String(from + i * step))

test.each<[string, TimeUnit, string[], number, TimeUnit | null]>([
  ['seconds with fractions as ms', 'ms', evenly(0.5, 24), 0.0115, 's'],
  ['whole seconds as ms, thousands a second', 'ms', evenly(1, 60).flatMap((t) => [t, t]), 0.059, 's'],
  ['ms as they are', 'ms', evenly(27, 60), 1.6, null],
  ['a tick of 3 s', 'ms', evenly(3000, 6).flatMap((t) => Array.from({ length: 10 }, () => t)), 15, null],
  ['one instant', 'ms', evenly(0, 10), 0, null],
  ['ms as seconds', 's', evenly(400, 30), 400 * 29, 'ms'],
  ['a quiet trace in seconds', 's', evenly(13, 24, 19_440_110), 300, null],
  ['Unix seconds as ms', 'ms', evenly(2, 10, 1.7e9), 0.018, 's'],
  ['Unix ms as seconds', 's', evenly(2000, 10, 1.7e12), 18_000, 'ms'],
  ['Unix ns as seconds', 's', evenly(2e9, 10, 1.7e18), 18e9, 'ns'],
  ['Unix ms as ms', 'ms', evenly(2000, 10, 1.7e12), 18, null],
  ['dates', 'iso', ['2023-11-16 18:15:46'], 0, null],
])('%s', (_, unit, texts, spanS, expected) => {
  expect(unitDoubt(unit, texts, texts.length, spanS * 1e6)?.unit ?? null).toBe(expected)
})
