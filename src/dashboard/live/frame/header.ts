import { wholeNumber } from '../../../analysis/quantity.ts'
import type { LiveFigures } from '../../../session/live/live-figures.ts'
import { bar } from '../../text/sparkline.ts'
import { printable } from '../../text/text.ts'
import type { Tone } from '../chart/palette.ts'
import { clockTime, shortShare } from '../chart/short.ts'
import type { LiveState } from '../live-state.ts'
import type { LiveStyle } from './live-style.ts'
import { Row } from './row.ts'

const LONGEST_BAR = 40

/** `replay · server · model` and, at the right, what it is doing and for how long. */
export function titleRow(state: LiveState, width: number, style: LiveStyle): string {
  const [what, tone] = phaseOf(state)
  const clock = state.figures === null ? '' : clockTime(state.figures.elapsedNs)
  const doing = `● ${what}${clock === '' ? '' : `  ${clock}`} `
  const row = new Row(width, style.palette).text(` layerline ${state.command} `, 'strong')
  const subject = printable(state.subject)
  const room = row.left - doing.length - 1
  if (room > 4) row.cell(subject, room, 'left', 'dim')
  return row.atRight(doing, tone).end()
}

function phaseOf({ phase, figures, sealed }: LiveState): [what: string, tone: Tone] {
  if (phase === 'sealing') return [`sealing${sealed === null ? '' : ` ${shortShare(sealed)}`}`, 'tokens']
  if (phase === 'draining') return ['stopping', 'warn']
  if (phase === 'cut') return ['cutting off', 'bad']
  if (figures === null) return ['starting', 'dim']
  return figures.paused ? ['paused', 'warn'] : ['recording', 'good']
}

/** A bar, the share, how many, and how long it will take; where the end is not known, how many alone. */
export function progressRow(state: LiveState, width: number, style: LiveStyle): string {
  const row = new Row(width, style.palette).text(' ')
  const { figures } = state
  if (figures === null) return row.text('connecting …', 'dim').end()
  const { planned, share, ended } = figures.requests
  if (share === null) return row.text(`${wholeNumber(ended)} requests ended`).end()
  const columns = Math.max(1, Math.min(style.barWidth ?? Math.min(LONGEST_BAR, Math.floor(width / 3)), width - 2))
  const full = bar(share, columns)
  row.text(full, 'flow').text('░'.repeat(columns - full.length), 'dim')
  row.cell(shortShare(Math.floor(share * 100) / 100), 6, 'right', 'strong').text('  ')
  row.text(
    planned === null ? `${wholeNumber(ended)} requests` : `${wholeNumber(ended)} of ${wholeNumber(planned)} requests`,
  )
  return row.atRight(`${etaText(figures, share, state)} `, 'dim').end()
}

function etaText(figures: LiveFigures, share: number, { phase }: LiveState): string {
  if (share >= 1 || (phase !== 'running' && phase !== 'starting')) return ''
  if (figures.paused) return 'held'
  const workedNs = figures.elapsedNs - figures.pausedNs
  // The first moments are too short for an estimate.
  if (figures.requests.ended < 2 || workedNs < 1e9 || share <= 0) return 'time left: –'
  // The last answers may take longer than all before them let expect: what is not over is never 0 s away.
  return `about ${clockTime(Math.max(1e9, (workedNs * (1 - share)) / share))} left`
}
