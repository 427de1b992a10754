import type { RunReader } from '../../store/read/run-reader.ts'
import { countOf, msOf, numberOf, textOf } from '../rows.ts'

/** What a source that kept sums and no times tells: a tracer's file of one model. */
export interface OpSource {
  source: string
  model: string | null
  framework: string | null
  mode: string | null
  tracer: string | null
  /** What the counts are of. */
  counted: 'calls' | 'graph_nodes'
  ops: number
  /** Operators by their inputs. */
  shapes: number
  count: number | null
  self_cpu_ms: number | null
  /** Of all kernels: each counted under the one operator that launched it. Null where the source adds inner operators to their callers only. */
  device_ms: number | null
  kernels: number
  top: OpTop[]
}

export interface OpTop {
  op: string
  shapes: number
  count: number | null
  self_cpu_ms: number | null
  /** With the operators that it calls. */
  device_ms: number | null
  /** Without them. */
  self_device_ms: number | null
  /** Names of the kernels that it launched. */
  kernels: number
}

const SOURCES_SHOWN = 40

/** Null where the run has no such sums. Sources of one model may have counted the same calls: they are never added up. */
export async function opTotals(reader: RunReader, shown: number): Promise<OpSource[] | null> {
  const sources = await reader.query(
    `SELECT o.source, o.model, o.framework, o.mode, o.tracer, o.counted, count(DISTINCT o.op) AS ops, count(*) AS shapes, sum(o.count) AS n,
      sum(o.self_cpu_ns) AS self_cpu, sum(o.self_device_ns) AS device, any_value(k.kernels) AS kernels
     FROM ops o LEFT JOIN (SELECT source, count(DISTINCT name) AS kernels FROM op_kernels GROUP BY source) k USING (source)
     GROUP BY ALL ORDER BY o.model, o.mode, o.source LIMIT ${SOURCES_SHOWN}`,
  )
  if (sources.length === 0) return null
  const tops = await reader.query(
    `WITH k AS (SELECT o.source, o.op, count(DISTINCT k.name) AS kernels FROM op_kernels k JOIN ops o USING (op_id) GROUP BY ALL),
      t AS (SELECT source, op, count(DISTINCT shapes) AS shapes, sum(count) AS n, sum(self_cpu_ns) AS self_cpu, sum(device_ns) AS device, sum(self_device_ns) AS self_device FROM ops GROUP BY ALL)
     SELECT t.*, coalesce(k.kernels, 0) AS kernels FROM t LEFT JOIN k USING (source, op)
     QUALIFY row_number() OVER (PARTITION BY source ORDER BY coalesce(self_device, device) DESC NULLS LAST, self_cpu DESC NULLS LAST, n DESC, op) <= ${shown}
     ORDER BY source, coalesce(self_device, device) DESC NULLS LAST, self_cpu DESC NULLS LAST, n DESC, op`,
  )
  return sources.map((row) => ({
    source: textOf(row, 'source') ?? '',
    model: textOf(row, 'model'),
    framework: textOf(row, 'framework'),
    mode: textOf(row, 'mode'),
    tracer: textOf(row, 'tracer'),
    counted: textOf(row, 'counted') === 'graph_nodes' ? 'graph_nodes' : 'calls',
    ops: countOf(row, 'ops'),
    shapes: countOf(row, 'shapes'),
    count: numberOf(row, 'n'),
    self_cpu_ms: msOf(row, 'self_cpu'),
    device_ms: msOf(row, 'device'),
    kernels: countOf(row, 'kernels'),
    top: tops
      .filter((top) => top.source === row.source)
      .map((top) => ({
        op: textOf(top, 'op') ?? '',
        shapes: countOf(top, 'shapes'),
        count: numberOf(top, 'n'),
        self_cpu_ms: msOf(top, 'self_cpu'),
        device_ms: msOf(top, 'device'),
        self_device_ms: msOf(top, 'self_device'),
        kernels: countOf(top, 'kernels'),
      })),
  }))
}
