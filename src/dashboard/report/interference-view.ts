import type { ClassMatrix } from '../../analysis/interference/class-matrix.ts'
import type { Culprit, Interference, LedgerParts, Victim } from '../../analysis/interference/interference.ts'
import { duration, many, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { wrap } from '../text/text.ts'

const VICTIMS_SHOWN = 5
/** Less of a request's loss is not worth naming. */
const LEAST_SHARE = 0.02

/** Who delayed whom: the parts of all requests' time, those that lost most and to whom, and the same by class. */
export function interferenceLines(found: Interference | null, width: number, paint: Paint): string[] {
  if (found === null) return []
  const { total, requests, victims, matrices, steps_from, energy } = found
  const source =
    steps_from === 'step_log'
      ? "which requests a step ran: measured, from the engine's log"
      : "which requests a step ran: inferred from the profile's steps"
  return [
    ...wrap(`${many('request', requests)}, ${duration(total.measured_ms)} in all: ${partsText(total)}`, width - 2),
    ...victims
      .filter(({ lost_ms }) => lost_ms > 0)
      .slice(0, VICTIMS_SHOWN)
      .flatMap((victim) => wrap(victimText(victim), width - 2)),
    ...matrices.flatMap((matrix) => matrixLines(matrix, width, paint)),
    ...(energy === null
      ? []
      : wrap(
          `energy of the steps: ${threeDigits(energy.steps_j)} J of the ${energy.scope === 'gpu' ? 'GPUs' : "host's processors"}, power known over ${percent(energy.covered_share)} of their time; of it, J as ms above: by tokens, modelled; interpolated below ${duration(energy.resolution_ms)}`,
          width - 2,
        ).map((line) => paint.dim(line))),
    ...wrap(`${source}; a step's time is divided by tokens: modelled`, width - 2).map((line) => paint.dim(line)),
  ]
}

/** `request 812 lost 340 ms of 1.2 s: 290 ms to the prefill of 790 (12,000 tokens), 50 ms to 801`. */
export function victimText({
  request_id,
  measured_ms,
  lost_ms,
  lost_j,
  lost_to,
  others,
  others_ms,
  preemptions,
}: Victim): string {
  const named = lost_to.filter(({ ms }) => ms >= LEAST_SHARE * lost_ms)
  const rest = others + lost_to.length - named.length
  const restMs = lost_to.filter((each) => !named.includes(each)).reduce((sum, { ms }) => sum + ms, others_ms)
  const to = [...named.map(culpritText), ...(rest > 0 ? [`${duration(restMs)} to ${many('other', rest)}`] : [])].join(
    ', ',
  )
  const preempted = preemptions === 0 ? '' : `, preempted ${many('time', preemptions)}`
  const energy = lost_j === null ? '' : `, ${threeDigits(lost_j)} J of others' work`
  return `request ${request_id} lost ${duration(lost_ms)} of ${duration(measured_ms)}${energy}${preempted}: ${to}`
}

function culpritText({ request_id, ms, j, prefill_ms, prefill_tokens, while_out_ms }: Culprit): string {
  const who = request_id === null ? 'requests that are not of this run' : `${request_id}`
  const what =
    prefill_ms > ms / 2 && request_id !== null ? `the prefill of ${who} (${wholeNumber(prefill_tokens)} tokens)` : who
  return `${duration(ms)}${j === null ? '' : `, ${threeDigits(j)} J`} to ${what}${while_out_ms > ms / 2 ? ' in steps that did not run it' : ''}`
}

function partsText(total: LedgerParts): string {
  const share = (ms: number) => percent(total.measured_ms === 0 ? 0 : ms / total.measured_ms)
  return [
    `${share(total.own_ms)} own share of their steps`,
    `${share(total.lost_ms)} others' share`,
    `${share(total.wait_ms)} until a first step`,
    `${share(total.between_ms)} between steps`,
    `${share(total.delivery_ms)} from the last step to the client`,
  ].join(', ')
}

/** A row for each class of victims, a column for each of culprits; nothing where there is one class only. */
function matrixLines({ by, cells }: ClassMatrix, width: number, paint: Paint): string[] {
  const victims = [...new Set(cells.map(({ victim }) => victim))]
  const culprits = [...new Set(cells.map(({ culprit }) => culprit))].slice(
    0,
    Math.floor((width - 26) / (cells.some(({ j }) => j !== null) ? 22 : 14)),
  )
  if (victims.length < 2 && culprits.length < 2) return []
  const cellOf = (victim: string, culprit: string) =>
    cells.find((cell) => cell.victim === victim && cell.culprit === culprit)
  return table(
    [
      { title: `lost by ${by === 'prompt' ? 'prompts of' : 'session'}, to`, max: 22 },
      ...culprits.map((title) => ({ title, align: 'right' as const, max: 20 })),
    ],
    victims.map((victim) => [
      victim,
      ...culprits.map((culprit) => {
        const lost = cellOf(victim, culprit)
        if (lost === undefined) return ''
        return lost.j === null ? duration(lost.ms) : `${duration(lost.ms)}, ${threeDigits(lost.j)} J`
      }),
    ]),
    paint.dim,
  )
}
