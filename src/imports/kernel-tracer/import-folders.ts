import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { codeOf } from '../../trace/columns.ts'
import { COUNTED } from '../../trace/tables.ts'
import type { ImportOptions } from '../import-format.ts'
import { TraceImport } from '../kineto/import-trace.ts'
import { isTrace } from '../kineto/sniff.ts'
import type { RunWriter } from '../run-writer.ts'
import type { KernelTotal } from './op-totals.ts'
import { originOf, readTracerFiles, type TracerFile, type TracerOrigin } from './tracer-folder.ts'

/** The profile that a tracer keeps beside its sums. */
const TRACE = 'trace.json.gz'

/**
 * Puts a tracer's files into a run: sums into `ops` and `op_kernels`, and, of a single folder, the profile that they were
 * made of as slices. Returns the files that were read.
 */
export async function importTracerFolders(
  root: string,
  places: readonly string[],
  run: RunWriter,
  options: ImportOptions,
): Promise<string[]> {
  const read: string[] = []
  const traces: string[] = []
  const ids = { op: 0 }
  for (const place of places) {
    const origin = originOf(place, options.outputsRoot ?? root)
    for (const file of await readTracerFiles(place, options.stacks)) {
      appendFile(run, file, relative(statSync(root).isFile() ? dirname(root) : root, file.path), origin, ids)
      read.push(file.path)
    }
    const trace = join(place, TRACE)
    if (existsSync(trace) && (await isTrace(trace))) traces.push(trace)
    if (origin.success === false) run.note('warn', 'import', `${place}: its marker says that the trace failed`)
  }
  const [trace] = traces
  if (traces.length === 1 && trace !== undefined) {
    await importTrace(trace, run, options)
    read.push(trace)
  } else if (traces.length > 1) {
    run.note('note', 'import', `${traces.length} profiles lie beside; each is a timeline of its own: import its folder`)
  }
  run.describe({}, { root: resolve(root), places: places.length })
  return read
}

async function importTrace(path: string, run: RunWriter, { stacks, args, onProgress }: ImportOptions): Promise<void> {
  const reading = await TraceImport.open(run, { stacks, args })
  try {
    await reading.read(path, (done, total) => onProgress({ file: TRACE, done, total }))
    await reading.finish()
  } finally {
    reading.close()
  }
}

function appendFile(run: RunWriter, file: TracerFile, source: string, origin: TracerOrigin, ids: { op: number }): void {
  const { model, framework, mode, device, tracer } = origin
  const appendKernel = (op_id: number | null, { name, count, totalNs, minNs, maxNs, config }: KernelTotal) =>
    run.writers.op_kernels.append({
      op_id,
      source,
      model,
      name,
      count,
      total_ns: totalNs,
      min_ns: minNs,
      max_ns: maxNs,
      config,
    })
  for (const op of file.ops) {
    const op_id = ++ids.op
    run.writers.ops.append({
      op_id,
      source,
      model,
      framework,
      mode,
      device,
      tracer,
      name: op.name,
      op: op.op,
      shapes: op.shapes,
      counted: codeOf(COUNTED, op.counted),
      count: op.count,
      cpu_ns: op.cpuNs,
      self_cpu_ns: op.selfCpuNs,
      device_ns: op.deviceNs,
      self_device_ns: op.selfDeviceNs,
      stack: op.stack,
    })
    for (const kernel of op.kernels) appendKernel(op_id, kernel)
  }
  for (const kernel of file.kernels) appendKernel(null, kernel)
}
