import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { beforeAll, expect, it } from 'vitest'
import { TABLES } from '../../trace/tables.ts'
import { emptyTable } from '../live-schema.ts'
import { operatorTimeSql } from './operator-time.ts'

interface Frame {
  readonly category: string
  readonly from: number
  readonly to: number
}

let connection: DuckDBConnection

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`CREATE TABLE slices AS ${emptyTable(TABLES.slices)}`)
})

/** A random tree of calls: each child lies within its parent, siblings do not overlap; some have no length, some begin with their parent. */
function nest(draw: () => number, from: number, to: number, depth: number, into: Frame[]): void {
  let at = from
  while (at < to) {
    const start = at + (draw() % 4 === 0 ? 0 : draw() % 5)
    const end = Math.min(to, start + (draw() % 6 === 0 ? 0 : draw() % 40))
    if (start > to) return
    into.push({
      category: ['cpu_op', 'cpu_op', 'cpu_op', 'user_annotation', 'cuda_runtime'][draw() % 5] as string,
      from: start,
      to: end,
    })
    if (depth < 5 && end > start && draw() % 2 === 0) nest(draw, start, end, depth + 1, into)
    at = Math.max(end, at + 1)
  }
}

it('gives each operator the ns in which it is the innermost frame', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.nat(1_000_000)), async (stream) => {
      const draw = () => stream.next().value as number
      const threads = [0, 1].map(() => {
        const frames: Frame[] = []
        nest(draw, 0, 200, 0, frames)
        return frames
      })
      const all = threads.flatMap((frames, thread) => frames.map((frame) => ({ ...frame, thread })))
      const expected = new Map<number, number>()
      for (const [id, frame] of all.entries()) if (frame.category === 'cpu_op') expected.set(id, 0)
      // ns by ns: parents come before their children in the list, so the last that covers it is the innermost.
      for (const thread of [0, 1])
        for (let ns = 0; ns < 200; ns++) {
          const inner = all.findLastIndex((frame) => frame.thread === thread && frame.from <= ns && ns < frame.to)
          if (expected.has(inner)) expected.set(inner, (expected.get(inner) as number) + 1)
        }
      await connection.run('DELETE FROM slices')
      await connection.run(
        `INSERT INTO slices (slice_id, track_id, t_ns, dur_ns, name_id, category) VALUES ${all
          .map(({ category, from, to, thread }, id) => `(${id}, ${thread}, ${from}, ${to - from}, 1, '${category}')`)
          .join(', ')}`,
      )
      const rows = await connection.runAndReadAll(
        `WITH ${operatorTimeSql()} SELECT slice_id, self_ns FROM operators ORDER BY slice_id`,
      )
      expect(new Map(rows.getRows().map(([id, self]) => [Number(id), Number(self)]))).toEqual(expected)
    }),
    { numRuns: 60 },
  )
})
