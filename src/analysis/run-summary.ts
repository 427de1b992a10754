import type { RunJson, VerdictLine } from '../trace/run-json.ts'

export interface RunSummary {
  run_id: string
  state: 'recording' | 'interrupted' | 'sealed'
  command: string
  layerline: string
  started: string
  ended: string | null
  seed: number
  /** What brought the run to its end; null while it is recorded. */
  ended_by: RunJson['ended_by']
  /** Requests of the whole schedule, warm-up too. */
  planned_requests: number | null
  /** What was offered, of a schedule or synthetic load. */
  plan: RunJson['plan']
  /** In a closed loop the answers set the pace: there is no schedule. */
  loop: RunJson['loop']
  url: string | null
  server: string | null
  model: string | null
  /** The server ran on the client's host; null: not known. */
  same_host: boolean | null
  /** TLS certificates were not checked. */
  insecure: boolean
  /** How much a kill could have cost; null where the run was not recorded, or by an older version. */
  store: RunJson['store']
  hosts: { name: string; cpu: string | null; cores: number; memory_bytes: number; cgroup_cpu_cores: number | null }[]
  /** Rows kept, dropped by a full queue, lost by the source, per table. */
  layers: Record<string, { rows: number; dropped: number; lost: number }>
  /** Of a run that was made from a file: its format, and what was skipped or assumed on the way; null for one that was recorded. */
  imported: { format: string | null; notes: VerdictLine[] } | null
}

/** The run itself, of its run.json. */
export function runSummary(run: RunJson): RunSummary {
  return {
    run_id: run.run_id,
    state: run.state,
    command: run.command,
    layerline: run.layerline,
    started: run.started,
    ended: run.ended,
    seed: run.seed,
    ended_by: run.ended_by,
    planned_requests: run.planned_requests,
    loop: run.loop,
    plan: run.plan,
    url: run.engine?.url ?? null,
    server: run.engine === null ? null : [run.engine.server, run.engine.version].filter(Boolean).join(' ') || null,
    model: run.engine?.model ?? null,
    same_host: run.engine?.same_host ?? null,
    insecure: run.config.insecure === true,
    hosts: run.hosts.map(({ name, cpu, cores, memory_bytes, cgroup }) => ({
      name,
      cpu,
      cores,
      memory_bytes,
      cgroup_cpu_cores: cgroup.cpu_cores,
    })),
    layers: run.layers,
    store: run.store,
    // A run is not judged when it is imported: its run.json holds the notes of the import.
    imported:
      run.command === 'import'
        ? { format: typeof run.config.format === 'string' ? run.config.format : null, notes: run.verdict }
        : null,
  }
}
