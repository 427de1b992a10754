import type { Energy } from '../../analysis/hardware/energy.ts'
import { LABELS } from '../../analysis/hardware/flights.ts'
import type { StageTrack } from '../../analysis/hardware/stages.ts'
import type { Estimate } from '../../analysis/hardware/uncertainty.ts'
import { bytes, duration, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { interval, NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { logPlot } from '../text/plot.ts'
import { table } from '../text/table.ts'
import { printable, wrap } from '../text/text.ts'

/** What the text report names of the hardware, in this order; the rest is in `--json`. */
const SHOWN: Record<string, { says: string; as: (value: number) => string }> = {
  gpu_utilization_ratio: { says: 'busy', as: percent },
  memory_utilization_ratio: { says: 'memory busy', as: percent },
  power_draw_instant_w: { says: 'power', as: watts },
  power_draw_w: { says: 'power', as: watts },
  power_draw_average_w: { says: 'power, averaged', as: watts },
  memory_used_bytes: { says: 'memory used', as: bytes },
  sm_clock_hz: { says: 'SM clock', as: (hz) => `${threeDigits(hz / 1e9)} GHz` },
  temperature_c: { says: 'temperature', as: (c) => `${threeDigits(c)} °C` },
  cpu_busy_ratio: { says: 'machine CPU', as: percent },
  cpu_cores: { says: 'CPU', as: (cores) => `${threeDigits(cores)} cores` },
  rss_bytes: { says: 'memory', as: bytes },
}
const MAX_ROWS = 40

/** One line per sensor, its mean in each stage; `~` if the samples behind it were mostly of another stage. */
export function stageLines({ hardware }: Report, width: number, paint: Paint): string[] {
  const order = Object.keys(SHOWN)
  const shown = hardware.by_stage
    .filter(({ name, layer, role }) => name in SHOWN && (layer === 'gpu' || role !== 'client'))
    .sort((a, b) => groupOf(a).localeCompare(groupOf(b)) || order.indexOf(a.name) - order.indexOf(b.name))
  // `power.draw` beside the moment's power says the same, later.
  const rows = shown.filter(
    (t) =>
      t.name !== 'power_draw_w' ||
      !shown.some((o) => o.name === 'power_draw_instant_w' && groupOf(o) === groupOf(t) && o.samples > 0),
  )
  const labels = LABELS.filter((label) => label !== 'other' || rows.some(({ by_stage }) => by_stage.other !== null))
  if (rows.length === 0) return []
  let mixed = false
  const lines = table(
    [
      { title: '', max: Math.max(20, width - 14 * labels.length - 4) },
      ...labels.map((title) => ({ title, align: 'right' as const })),
    ],
    rows.slice(0, MAX_ROWS).map((track) => [
      label(track),
      ...labels.map((name) => {
        const value = track.by_stage[name]
        const text = value === null ? NOTHING : (SHOWN[track.name]?.as(value.mean) ?? '')
        if (value === null || value.purity >= 0.5) return text
        mixed = true
        return { text: `~${text}`, paint: paint.dim }
      }),
    ]),
    paint.dim,
  )
  if (rows.length > MAX_ROWS) lines.push(paint.dim(`and ${wholeNumber(rows.length - MAX_ROWS)} more in --json`))
  if (mixed)
    lines.push(
      paint.dim('~: shorter than the sensor averages over; the figure mostly reflects what ran before and after'),
    )
  return lines
}

export function energyLines({ hardware }: Report, width: number, paint: Paint): string[] {
  return hardware.energy.flatMap((energy, i) => [...(i === 0 ? [] : ['']), ...oneEnergy(energy, width, paint)])
}

function oneEnergy(energy: Energy, width: number, paint: Paint): string[] {
  const { scope, sources, resolution_ms, covered_share, whole_j, idle_w, stages, per_request, tokens } = energy
  const names = [...new Set(sources.map(({ name }) => name))].join(', ')
  const what = scope === 'gpu' ? `${sources.length} GPU${sources.length === 1 ? '' : 's'}` : 'processors'
  const head = [
    `${what}: ${joules(whole_j)}`,
    idle_w === null ? 'idle power not seen' : `idle ${estimateText(idle_w)} W`,
    ...(covered_share < 0.9995 ? [`known for ${percent(covered_share)} of the time`] : []),
    `from ${names}, tells ${duration(resolution_ms)} apart`,
  ]
  const rows = LABELS.filter((label) => stages[label].seconds > 0).map((label) => {
    const { seconds, energy_j, above_idle_j, mean_w, resolved } = stages[label]
    const cells = [label, duration(seconds * 1e3)]
    if (!resolved) return [...cells, { text: 'too short for its sensor', paint: paint.dim }, '', '']
    return [
      ...cells,
      joules(energy_j),
      above_idle_j === null || label === 'idle' ? NOTHING : `${threeDigits(above_idle_j.value)} J`,
      mean_w === null ? NOTHING : watts(mean_w),
    ]
  })
  const right = (title: string) => ({ title, align: 'right' as const })
  const facts = [
    ...(per_request.mean_j === null
      ? []
      : [
          `per request ${joules(per_request.mean_j)}${per_request.resolved < per_request.requests ? `, over ${per_request.resolved} of ${per_request.requests}` : ''}`,
        ]),
    ...(tokens.prefill_j_per_token === null ? [] : [`per prefilled token ${joules(tokens.prefill_j_per_token)}`]),
    ...(tokens.decode_j_per_token === null ? [] : [`per decoded token ${joules(tokens.decode_j_per_token)}`]),
    ...(tokens.output_tokens_per_j === null ? [] : [`${estimateText(tokens.output_tokens_per_j)} output tokens per J`]),
  ]
  const sizes = energy.by_size.filter(({ size, j_per_request }) => size !== null && j_per_request !== null)
  return [
    ...wrap(head.join(' · '), width - 2),
    ...table(
      [{ title: '' }, right('time'), { title: 'energy' }, right('above idle'), right('mean power')],
      rows,
      paint.dim,
    ),
    ...(facts.length === 0 ? [] : wrap(facts.join(' · '), width - 2)),
    ...(sizes.length < 2
      ? []
      : table(
          [right('size'), right('n'), { title: 'per request' }, right('per output token')],
          sizes.map(({ size, requests, j_per_request, j_per_output_token }) => [
            wholeNumber(size as number),
            wholeNumber(requests),
            joules(j_per_request as Estimate),
            j_per_output_token === null ? NOTHING : joulesOf(j_per_output_token),
          ]),
          paint.dim,
        )),
  ]
}

const PLOT_HEIGHT = 8

/** Prefill and decode speed over size, both axes logarithmic; nothing under three sizes, which a table shows as well. */
export function speedPlot({ throughput }: Report, width: number, paint: Paint): string[] {
  const points = (key: 'prefill_median_tokens_per_s' | 'decode_median_tokens_per_s') =>
    throughput.flatMap((row) => (row.size === null || row[key] === null ? [] : [{ x: row.size, y: row[key] }]))
  const prefill = points('prefill_median_tokens_per_s')
  const decode = points('decode_median_tokens_per_s')
  if (Math.max(prefill.length, decode.length) < 3) return []
  const lines = logPlot(
    [
      { mark: '●', points: prefill, paint: paint.cyan },
      { mark: '○', points: decode, paint: paint.green },
    ],
    { width: Math.min(72, width - 4), height: PLOT_HEIGHT, xText: threeDigitsOrWhole, yText: threeDigits },
  )
  return lines.length === 0
    ? []
    : [...lines, `${paint.cyan('●')} prefill  ${paint.green('○')} decode, tok/s (median) over size, logarithmic`]
}

function groupOf({ layer, host, device, process }: StageTrack): string {
  return [layer === 'gpu' ? 0 : 1, host ?? '', device ?? '', process ?? ''].join('\u0000')
}

/** `GPU 0 busy`: the index is the first word of a GPU's device. */
function label({ layer, name, device, process, role }: StageTrack): string {
  const says = SHOWN[name]?.says ?? name
  if (layer === 'gpu') return `GPU ${printable(device ?? '').split(' ')[0] ?? ''} ${says}`
  return process === null ? says : `${role === null ? '' : `${role} `}(${printable(process)}) ${says}`.trim()
}

function watts(value: number): string {
  return `${threeDigits(value)} W`
}

function joulesOf(value: number): string {
  const size = Math.abs(value)
  return size >= 1e4
    ? `${threeDigits(value / 1e3)} kJ`
    : size < 1 && size > 0
      ? `${threeDigits(value * 1e3)} mJ`
      : `${threeDigits(value)} J`
}

function joules({ value, low, high }: Estimate): string {
  const [scale, unit] =
    Math.abs(value) >= 1e4 ? [1e-3, 'kJ'] : Math.abs(value) < 1 && value !== 0 ? [1e3, 'mJ'] : [1, 'J']
  return `${interval(value * (scale as number), low * (scale as number), high * (scale as number))} ${unit}`
}

function estimateText({ value, low, high }: Estimate): string {
  return interval(value, low, high)
}

function threeDigitsOrWhole(size: number): string {
  return Number.isInteger(size) ? wholeNumber(size) : threeDigits(size)
}
