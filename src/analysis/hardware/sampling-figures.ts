import type { Distribution } from '../intervals/distribution.ts'
import type { Report } from '../report.ts'
import { LABELS } from './flights.ts'
import type { SamplingRun } from './sampling-study.ts'

/** The machine's busy CPU over the requests, whose truth the kernel's own totals tell. */
export const MACHINE_BUSY = 'machine_cpu_busy_ratio'

/**
 * What a run's report gives to the study: output tokens per second as its speed; mean TTFT, ITL and request time as its
 * delays; as measures the energy of the whole and of the requests' stages, the mean GPU (without one: machine)
 * utilisation in each stage, and the machine's over the whole. Values that were not measured, or not resolved, are
 * omitted.
 */
export function studyFigures(report: Report): Omit<SamplingRun, 'period_ms' | 'block' | 'truths'> {
  const { hardware, tokens, latency, machine } = report
  const [energy] = hardware.energy
  const measures: [string, number][] = []
  if (energy !== undefined) measures.push([`${energy.scope}_j`, energy.whole_j.value])
  for (const label of LABELS) {
    if (label === 'idle' || label === 'other') continue
    const stage = energy?.stages[label]
    if (stage?.resolved) measures.push([`${energy?.scope}_${label}_j`, stage.energy_j.value])
    for (const name of ['gpu_utilization_ratio', 'cpu_busy_ratio']) {
      const means = hardware.by_stage
        .flatMap((track) => (track.name === name ? [track.by_stage[label]?.mean ?? []] : []))
        .flat()
      if (means.length > 0) measures.push([`${label}_${name}`, means.reduce((a, b) => a + b, 0) / means.length])
      if (means.length > 0) break
    }
  }
  const mean = (name: string, role: 'client' | 'machine') =>
    machine.tracks.find(
      (track) => track.layer === 'host' && track.name === name && track.role === role && track.device === null,
    )?.mean ?? null
  const busy = mean('cpu_busy_ratio', 'machine')
  if (busy !== null) measures.push([MACHINE_BUSY, busy])
  const thread = mean('sampler_cpu_cores', 'client')
  const delays = Object.entries({ ttft_ms: latency.ttft_ms, itl_ms: latency.itl_ms, e2e_ms: latency.e2e_ms })
  return {
    // Without the thread the programs alone would pass for all of it.
    sampler_cores: thread === null ? null : thread + (mean('helper_cpu_cores', 'client') ?? 0),
    client_cores: mean('cpu_cores', 'client'),
    speeds: tokens.output_per_s === null ? {} : { output_tokens_per_s: tokens.output_per_s.value },
    delays: Object.fromEntries(
      delays.flatMap(([name, of]: [string, Distribution]) => (of === null ? [] : [[name, of.mean]])),
    ),
    measures: Object.fromEntries(measures),
  }
}
