import type { RunReader } from '../../store/read/run-reader.ts'
import type { RunJson } from '../../trace/run-json.ts'
import { bytes } from '../quantity.ts'

/** What a run was made on: model, engine, arguments, hardware and versions. Null where the run does not know it. */
export interface RunFacts {
  readonly model: string | null
  readonly engine: string | null
  readonly arguments: string | null
  readonly hardware: string
  readonly versions: string
}

export async function runFacts({ run, query }: Pick<RunReader, 'run' | 'query'>): Promise<RunFacts> {
  const devices = await query(
    `SELECT DISTINCT device FROM tracks WHERE layer = 'gpu' AND device IS NOT NULL ORDER BY device`,
  )
  return {
    model: run.engine?.model ?? null,
    engine: run.engine === null ? null : [run.engine.server, run.engine.version].filter(Boolean).join(' ') || null,
    arguments: run.engine?.arguments?.join(' ') || null,
    hardware:
      [gpuText(devices.map(({ device }) => String(device))), ...run.hosts.map(hostText)].filter(Boolean).join('; ') ||
      'not known',
    versions: versionsOf(run),
  }
}

/** `2 × NVIDIA A10` of devices like `0 GPU-1234 NVIDIA A10`. */
function gpuText(devices: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const device of devices) {
    const name = device.replace(/^\d+ /, '').replace(/^(GPU|MIG)-\S+ ?/, '') || 'GPU'
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, n]) => `${n} × ${name}`).join(', ')
}

function hostText({ name, cpu, cores, memory_bytes }: RunJson['hosts'][number]): string {
  return `${name}: ${cores} × ${cpu ?? 'CPU'}, ${bytes(memory_bytes)}`
}

function versionsOf({ layerline, format, hosts }: RunJson): string {
  const each = (key: 'kernel' | 'driver') => [...new Set(hosts.flatMap((host) => host[key] ?? []))]
  return [
    `Layerline ${layerline}`,
    `run format ${format.major}.${format.minor}`,
    ...each('kernel').map((kernel) => kernel),
    ...each('driver').map((driver) => `driver ${driver}`),
  ].join(', ')
}
