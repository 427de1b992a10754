import type { VerdictLine } from '../../trace/run-json.ts'
import type { Energy } from '../hardware/energy.ts'
import { duration, many, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import { type Limits, levelOf } from './rule.ts'

/** Share of the span in which a GPU was not sampled. */
export const GPU_MISSING_SHARE: Limits = { warn: 0.01, bad: 0.1 }

/**
 * GPU samples that are missing, and energy that cannot be measured. No line for machines on which nothing was sampled.
 */
export function hardwareLines({ hardware, offered, certificate }: Figures): VerdictLine[] {
  const onPurpose = certificate?.layers.some(({ layer }) => layer === 'gpu') ?? false
  return [...missingSamples(hardware, onPurpose), ...(offered.ok === 0 ? [] : hardware.energy.flatMap(refusedEnergy))]
}

function missingSamples(
  { gpu_covered_share: share, gpus_silent: silent }: Figures['hardware'],
  onPurpose: boolean,
): VerdictLine[] {
  if (silent.length > 0)
    return [
      {
        level: 'bad',
        what: 'gpu_samples',
        text: `${many('GPU', silent.length)} gave no value in any sample: ${silent.join(', ')}`,
      },
    ]
  const level = share === null ? null : levelOf(1 - share, GPU_MISSING_SHARE)
  if (share === null || level === null) return []
  return [
    {
      level: onPurpose ? 'note' : level,
      what: 'gpu_samples',
      text: `GPU samples are missing for ${percent(1 - share)} of the time${onPurpose ? ', mostly because --certify switched the layer off' : ''}, so nothing is known about it`,
    },
  ]
}

function refusedEnergy({
  scope,
  per_request: { requests, covered, resolved, repeat_needed: repeat },
  resolution_ms,
  modelled_share: modelled,
}: Energy): VerdictLine[] {
  const who = scope === 'gpu' ? 'GPU' : 'processor'
  const lines: VerdictLine[] = []
  if (requests > covered) {
    lines.push({
      level: 'note',
      what: 'energy',
      text: `No ${who} energy for ${many('request', requests - covered)} of ${requests}: power is not known over their whole time`,
    })
  }
  if (covered > resolved) {
    const hint = repeat === null ? '' : `; with \`--repeat ${repeat}\` every prompt would be`
    lines.push({
      level: 'note',
      what: 'energy',
      text: `${who} energy per request is refused for ${many('request', covered - resolved)} of ${requests}: not ten times as long as the ${duration(resolution_ms)} that its sensor tells apart${hint}`,
    })
  }
  if (modelled !== null && modelled >= 0.01 && resolved > 0) {
    lines.push({
      level: 'note',
      what: 'energy',
      text: `${percent(modelled)} of the requests' ${who} energy was taken by several at once and is split evenly among them: modelled, not measured`,
    })
  }
  return lines
}
