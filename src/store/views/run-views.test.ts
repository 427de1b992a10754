import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, it } from 'vitest'
import { TABLES } from '../../trace/tables.ts'
import { emptyTable } from '../live-schema.ts'
import { JOINED_VIEWS } from '../views/joined-views.ts'
import { RUN_VIEWS } from './run-views.ts'

let connection: DuckDBConnection

const rows = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson()

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  for (const [name, table] of Object.entries(TABLES))
    await connection.run(`CREATE TABLE ${name} AS ${emptyTable(table)}`)
  for (const view of JOINED_VIEWS) await connection.run(view)
  const insert = (table: string, columns: string, ...values: string[]) =>
    connection.run(`INSERT INTO ${table} (${columns}) VALUES ${values.map((each) => `(${each})`).join(', ')}`)
  await insert(
    'strings',
    'id, text',
    ...[
      "1, 'execute_context_1(12)_generation_2(2)'",
      "2, 'cudaGraphLaunch'",
      "3, 'gemm'",
      "4, 'mixed'",
      "5, 'Memcpy DtoH'",
    ],
  )
  const attrs = `'{"rank": 3, "zero_us": 5}'`
  await insert(
    'tracks',
    'track_id, layer, name, device, attrs',
    `1, 'engine', 'engine_steps', NULL, ${attrs}`,
    `2, 'kernel', 'cpu_thread', NULL, ${attrs}`,
    `3, 'kernel', 'gpu_stream', 'GPU 0', ${attrs}`,
    `4, 'engine', 'steps', NULL, 'not JSON'`,
  )
  await insert(
    'slices',
    'slice_id, track_id, t_ns, dur_ns, name_id, category, step_id, correlation, stream, tokens, bytes',
    "1, 1, 0, 100000, 1, 'user_annotation', 1, NULL, NULL, 14, NULL",
    "2, 2, 10000, 5000, 2, 'cuda_runtime', 1, 7, NULL, NULL, NULL",
    // A replay of a graph: two kernels of one call, the second a gap of 10 µs after the first.
    "3, 3, 20000, 30000, 3, 'kernel', 1, 7, 0, NULL, NULL",
    "4, 3, 60000, 20000, 3, 'kernel', 1, 7, 0, NULL, NULL",
    // Launched when nothing ran any more; it seems to start before its call.
    "5, 2, 92000, 1000, 2, 'cuda_runtime', 1, 8, NULL, NULL, NULL",
    "6, 3, 90000, 8000, 5, 'gpu_memcpy', 1, 8, 0, NULL, 64",
    "7, 4, 1000, 120000, 4, 'step', 7, NULL, NULL, 14, NULL",
  )
  await insert('chunks', 'request_id, "index", t_ns, tokens, kind, bytes', `9, 4, 150000, 1, 'content', 5`)
  const link = 'src_kind, src_id, src_index, dst_kind, dst_id, kind, share, confidence'
  await insert(
    'links',
    link,
    ...["'slice', 2, NULL, 'slice', 3", "'slice', 2, NULL, 'slice', 4", "'slice', 5, NULL, 'slice', 6"].map(
      (ends) => `${ends}, 'launch', 1, 'measured'`,
    ),
    "'chunk', 9, 4, 'slice', 7, 'token of step', 1, 'measured'",
  )
})

describe('the views of a run', () => {
  it.each(RUN_VIEWS.map((view) => [view.name, view] as const))(
    '%s has the columns that are documented',
    async (name, { columns }) => {
      const described = await rows(`DESCRIBE ${name}`)
      expect(described.map(({ column_name }) => column_name)).toEqual(Object.keys(columns))
    },
  )

  it('v_steps: of a profile and of a log', async () => {
    expect(await rows('SELECT * EXCLUDE (t_ns, dur_ns, track_id) FROM v_steps ORDER BY step_id')).toEqual([
      {
        step_id: 1,
        source: 'profile',
        kind: 'mixed',
        tokens: 14,
        prefills: 1,
        prefill_tokens: 12,
        decodes: 2,
        decode_tokens: 2,
      },
      {
        step_id: 7,
        source: 'step log',
        kind: 'mixed',
        tokens: 14,
        prefills: null,
        prefill_tokens: null,
        decodes: null,
        decode_tokens: null,
      },
    ])
  })

  it('v_kernels: with their launches; clocks that differ are said', async () => {
    expect(
      await rows(
        'SELECT slice_id, rank, device, launch_id, launch_delay_ns, before_launch_ns, launched_together FROM v_kernels ORDER BY slice_id',
      ),
    ).toEqual([
      {
        slice_id: 3,
        rank: 3,
        device: 'GPU 0',
        launch_id: 2,
        launch_delay_ns: 5000,
        before_launch_ns: null,
        launched_together: '2',
      },
      {
        slice_id: 4,
        rank: 3,
        device: 'GPU 0',
        launch_id: 2,
        launch_delay_ns: 45000,
        before_launch_ns: null,
        launched_together: '2',
      },
      {
        slice_id: 6,
        rank: 3,
        device: 'GPU 0',
        launch_id: 5,
        launch_delay_ns: -3000,
        before_launch_ns: 2000,
        launched_together: '1',
      },
    ])
  })

  it('v_step_kernels: gaps, and those that a late launch made', async () => {
    expect(await rows('SELECT * FROM v_step_kernels')).toEqual([
      {
        ...{ step_id: 1, kind: 'mixed', tokens: 14, dur_ns: 100_000, kernels: '3', launches: '2', graph_kernels: '2' },
        // 20 to 98 µs; from 50 to 60 and 80 to 90 nothing ran, the second time because the call came at 92.
        ...{ span_ns: 78_000, gap_ns: 20_000, launch_gap_ns: 10_000 },
      },
    ])
  })

  it('v_token_steps: the event beside its step', async () => {
    expect(await rows('SELECT * FROM v_token_steps')).toEqual([
      {
        ...{
          request_id: 9,
          index: 4,
          t_ns: 150_000,
          tokens: 1,
          step_id: 7,
          step_source: 'step log',
          step_kind: 'mixed',
        },
        ...{ step_t_ns: 1000, step_dur_ns: 120_000, share: 1, confidence: 'measured', delivery_ns: 29_000 },
      },
    ])
  })

  it("v_hta_…: whole us of the file's clock", async () => {
    expect(await rows('SELECT kernel_type, ts_us, end_us FROM v_hta_kernels ORDER BY ts_us')).toEqual([
      { kernel_type: 'COMPUTATION', ts_us: 25, end_us: 55 },
      { kernel_type: 'COMPUTATION', ts_us: 65, end_us: 85 },
      { kernel_type: 'MEMORY', ts_us: 95, end_us: 103 },
    ])
    expect(await rows('SELECT * FROM v_hta_temporal_breakdown')).toEqual([
      { rank: 3, idle_us: 20, compute_us: 50, non_compute_us: 8, total_us: 78 },
    ])
  })
})
