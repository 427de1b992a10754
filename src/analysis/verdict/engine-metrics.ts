import type { VerdictLine } from '../../trace/run-json.ts'
import { many, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import type { Rule } from './rule.ts'

/** A server that restarts more often than this within a run is several servers that answer at one address. */
const SEVERAL_SERVERS = 3
/** Share of a device's values that cannot be, from which its figures are doubtful. */
const MANY_REJECTED = 0.01

/** The server's totals fell: it restarted during the run. */
export const engineRestarts: Rule = ({ engine_metrics: engine }) => {
  if (engine === null || engine.restarts === 0) return null
  const what = 'engine_restarts'
  if (engine.restarts > SEVERAL_SERVERS) {
    const text = `The server's totals fell on ${engine.restarts} of ${many('page', engine.pages)}: several servers seem to answer at one address, so the server's totals are not reliable. Name the page of one server`
    return { level: 'warn', what, text }
  }
  const text = `The server's totals fell on ${many('page', engine.restarts)}: it restarted during the run. Its totals are counted on from zero; what it counted between the last page and the restart is missing`
  return { level: 'warn', what, text }
}

/** Values that cannot be: recorded as none. */
export function rejectedLines({ rejected_values: rejected }: Figures): VerdictLine[] {
  return rejected.map(({ layer, device, values, share }) => ({
    level: share >= MANY_REJECTED ? 'warn' : 'note',
    what: `${layer}_values`,
    text: `${many('value', values)} of ${layer === 'gpu' ? `GPU ${device}` : "the server's metrics"} (${percent(share)}) cannot be, and ${values === 1 ? 'is' : 'are'} recorded as missing`,
  }))
}
