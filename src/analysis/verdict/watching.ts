import type { VerdictLine } from '../../trace/run-json.ts'
import { percent } from '../quantity.ts'
import type { Figures } from '../report.ts'

/** A layer that makes tokens this much slower has changed what it observes. */
export const WATCHING_SHARE = 0.02

/** Layers that were shown to slow the answers; undecided ones are in the report. */
export function watchingLines({ certificate }: Figures): VerdictLine[] {
  return (certificate?.layers ?? []).flatMap(({ layer, itl_ms: itl }) => {
    if ('too_few' in itl || itl.low <= 0) return []
    const share = (value: number) => percent(value / itl.off)
    const text = `Watching slowed the tokens: the gap between two is ${share(itl.effect)} longer with the layer ${layer} (${share(itl.low)} to ${share(itl.high)})`
    return [{ level: itl.effect / itl.off >= WATCHING_SHARE ? 'warn' : 'note', what: 'watching', text }]
  })
}
