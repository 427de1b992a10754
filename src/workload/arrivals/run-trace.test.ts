import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { expect, it } from 'vitest'
import type { Arrival } from './arrival.ts'
import { openTrace } from './open-trace.ts'

const RUN = fileURLToPath(new URL('../../../samples/run-v1', import.meta.url))

it('a run is offered again as it was due, its warm-up apart', async () => {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  const rows = (
    await connection.runAndReadAll(
      `SELECT scheduled_ns, input_tokens, output_tokens FROM '${RUN}/requests/*.parquet'
       WHERE phase <> 'warmup' ORDER BY scheduled_ns, request_id`,
    )
  ).getRows() as number[][]
  connection.closeSync()
  instance.closeSync()
  const schedule = await openTrace({ path: RUN })
  const arrivals: Arrival[] = []
  for await (const batch of schedule.batches()) arrivals.push(...batch)
  const us = (row: number[] | undefined) => Math.round((row?.[0] ?? 0) / 1000)
  expect(arrivals.map(({ tUs, inputTokens, outputTokens }) => [tUs, inputTokens, outputTokens])).toEqual(
    rows.map((row) => [us(row) - us(rows[0]), row[1], row[2]]),
  )
  expect(arrivals.length).toBeGreaterThan(1)
  expect(schedule.provenance).toMatchObject({ format: 'run', time_unit: 'ns' })
  await expect(openTrace({ path: RUN, format: 'azure' })).rejects.toThrow("a run's folder, not a file")
})
