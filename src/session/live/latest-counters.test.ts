import fc from 'fast-check'
import { expect, it } from 'vitest'
import { memoryRows } from '../../../test/support/memory-rows.ts'
import { RowBuffer } from '../../store/live/row-buffer.ts'
import { codeOf } from '../../trace/columns.ts'
import { counters, LAYERS, tracks } from '../../trace/tables.ts'
import { LatestCounters } from './latest-counters.ts'

const value = fc.option(fc.double({ noNaN: true }), { nil: null })
const writes = fc.array(fc.record({ track_id: fc.integer({ min: 1, max: 3 }), value, how: fc.boolean() }))
const GPU = codeOf(LAYERS, 'gpu')

it('knows the last value of each track, whichever way it was written and when its track was declared', () => {
  fc.assert(
    fc.property(writes, fc.array(fc.nat(), { minLength: 3, maxLength: 3 }), (rows, declaredAfter) => {
      const kept = memoryRows(counters)
      const latest = new LatestCounters({ tracks: memoryRows(tracks).writer, counters: kept.writer })
      const { writers } = latest
      const declare = (track_id: number) =>
        writers.tracks.append({ track_id, layer: GPU, name: `t${track_id}`, clock: 'run' })
      const declared = new Set<number>()
      const declareDue = (n: number) => {
        for (const id of [1, 2, 3]) {
          if (declared.has(id) || n < (declaredAfter[id - 1] as number) % 20) continue
          declared.add(id)
          declare(id)
        }
      }
      for (const [n, { track_id, value, how }] of rows.entries()) {
        declareDue(n)
        if (how) writers.counters.append({ track_id, t_ns: n, value })
        else {
          const at = writers.counters.next()
          const { columns } = writers.counters
          columns.track_id[at] = track_id
          columns.t_ns[at] = n
          columns.value[at] = value ?? Number.NaN
        }
      }
      writers.counters.settle()
      declareDue(1000)
      expect(kept.rows().map(({ track_id, t_ns, value }) => [track_id, t_ns, value])).toEqual(
        rows.map(({ track_id, value }, n) => [track_id, n, value]),
      )
      for (const id of [1, 2, 3]) {
        const times = rows.flatMap(({ track_id }, n) => (track_id === id ? [n] : []))
        expect(latest.all.find(({ name }) => name === `t${id}`)).toMatchObject({
          layer: 'gpu',
          value: rows[times.at(-1) ?? -1]?.value ?? null,
          tNs: times.at(-1) ?? Number.NaN,
          beforeNs: times.at(-2) ?? Number.NaN,
        })
      }
    }),
  )
})

it('reads rows before their arrays are handed on', () => {
  const shipped: unknown[] = []
  const buffer = new RowBuffer(counters, (columns) => {
    structuredClone(columns, {
      transfer: Object.values(columns).map((array) => (array as Float64Array<ArrayBuffer>).buffer),
    })
    shipped.push(columns)
    return undefined
  })
  const latest = new LatestCounters({ tracks: memoryRows(tracks).writer, counters: buffer })
  latest.writers.tracks.append({ track_id: 1, layer: GPU, name: 'power_draw_w', unit: 'W', clock: 'run' })
  for (let i = 0; i < 3 * buffer.capacity; i++) {
    const at = latest.writers.counters.next()
    const { columns } = latest.writers.counters
    columns.track_id[at] = 1
    columns.t_ns[at] = i
    columns.value[at] = 2 * i
    latest.writers.counters.settle()
    expect(latest.all[0]).toMatchObject({ tNs: i, value: 2 * i })
  }
  expect(shipped.length).toBeGreaterThan(2)
})
