import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { LayerlineError } from '../../../base/errors.ts'
import { originOf, readTracerFiles } from '../../../imports/kernel-tracer/tracer-folder.ts'
import { readTraceStatus } from '../trace-status.ts'

/** Which operators, with which inputs, models need, and which kernels serve them: over all traces of a folder. */
export interface Inventory {
  readonly traces: readonly InventoryTrace[]
  /** By name. */
  readonly ops: readonly InventoryOp[]
  /** Kernels that a compiler made for a model; their runs were not counted. */
  readonly compiled: readonly {
    readonly model: string
    readonly mode: string
    readonly kernel: string
    readonly config: string | null
  }[]
  /** Traces whose files could not be read, and why. */
  readonly unreadable: readonly { readonly folder: string; readonly message: string }[]
}

export interface InventoryTrace {
  readonly model: string
  readonly framework: string
  readonly mode: string
  readonly device: string
  readonly tracer: string
  /** Below the folder of all traces. */
  readonly folder: string
}

export interface InventoryOp {
  readonly op: string
  readonly models: readonly string[]
  readonly kernels: readonly string[]
  readonly uses: readonly InventoryUse[]
}

/** One operator with inputs of some shapes, as one file of one trace counted it. */
export interface InventoryUse extends InventoryTrace {
  readonly file: string
  readonly shapes: string | null
  readonly counted: 'calls' | 'graph_nodes'
  readonly count: number | null
  readonly self_cpu_us: number | null
  readonly device_us: number | null
  readonly kernels: readonly {
    readonly name: string
    readonly count: number | null
    readonly total_us: number | null
  }[]
}

const us = (ns: number | null) => (ns === null ? null : Math.round(ns) / 1000)

/**
 * Reads every trace that ended well. Entries that are not operators of the dispatcher (Python functions of FX graphs)
 * are skipped.
 */
export async function readInventory(outputDir: string): Promise<Inventory> {
  if (!existsSync(outputDir) || !statSync(outputDir).isDirectory()) {
    throw new LayerlineError(
      'input/outputs',
      `${outputDir}: no such folder; expected one that \`kernels run\` has written`,
    )
  }
  const traces: InventoryTrace[] = []
  const compiled: Inventory['compiled'][number][] = []
  const unreadable: Inventory['unreadable'][number][] = []
  const uses = new Map<string, InventoryUse[]>()
  for (const place of traceFolders(outputDir)) {
    const trace = traceOf(place, outputDir)
    if (trace === null) continue
    try {
      for (const file of await readTracerFiles(place, false)) {
        for (const kernel of file.kernels) {
          compiled.push({ model: trace.model, mode: trace.mode, kernel: kernel.name, config: kernel.config })
        }
        for (const op of file.ops) {
          if (!op.op.includes('::')) continue
          const use: InventoryUse = {
            ...trace,
            file: relative(place, file.path),
            shapes: op.shapes,
            counted: op.counted,
            count: op.count,
            self_cpu_us: us(op.selfCpuNs),
            device_us: us(op.deviceNs),
            kernels: op.kernels.map(({ name, count, totalNs }) => ({ name, count, total_us: us(totalNs) })),
          }
          uses.set(op.op, [...(uses.get(op.op) ?? []), use])
        }
      }
      traces.push(trace)
    } catch (error) {
      unreadable.push({ folder: trace.folder, message: error instanceof Error ? error.message : String(error) })
    }
  }
  const ops = [...uses].map(([op, found]) => ({
    op,
    models: unique(found.map(({ model }) => model)),
    kernels: unique(found.flatMap(({ kernels }) => kernels.map(({ name }) => name))),
    uses: found,
  }))
  return { traces, ops: ops.sort((a, b) => (a.op < b.op ? -1 : 1)), compiled, unreadable }
}

/** Folders with a marker, whatever the tracer wrote beside it. */
function traceFolders(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true })
  if (entries.some(({ name }) => name === '_TRACE_STATUS.json')) return [folder]
  return entries
    .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
    .flatMap(({ name }) => traceFolders(join(folder, name)))
    .sort()
}

function traceOf(place: string, outputDir: string): InventoryTrace | null {
  const status = readTraceStatus(place)
  if (status?.success !== true) return null
  const folder = relative(outputDir, place)
  // Named by its folder: two models of one name have two.
  const { model } = originOf(place, outputDir)
  const inTree = folder.split('/').slice(0, -2).join('/')
  const { framework, mode, device, tracer } = status
  return { model: inTree || (model ?? folder), framework, mode, device, tracer, folder }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}
