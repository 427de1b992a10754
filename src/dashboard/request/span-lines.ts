import type { ServerSpan } from '../../analysis/attribution/request-story.ts'
import { duration, wholeNumber } from '../../analysis/quantity.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { bar } from '../text/sparkline.ts'
import { table } from '../text/table.ts'
import { printable } from '../text/text.ts'

const NAME_COLUMNS = 20

/** The server's spans of a request, one below the other; the longest is the measure. */
export function spanLines(spans: readonly ServerSpan[], paint: Paint): string[] {
  if (spans.length === 0) return []
  const most = Math.max(...spans.map(({ ms }) => ms))
  const right = (title: string) => ({ title, align: 'right' as const })
  return table(
    [{ title: 'span', max: NAME_COLUMNS }, right('at'), right('took'), { title: '' }, right('out')],
    spans.map(({ name, at_ms, ms, tokens }) => [
      printable(name),
      duration(at_ms),
      duration(ms),
      { text: bar(ms / (most || 1), 16), paint: paint.cyan },
      tokens === null ? NOTHING : wholeNumber(tokens),
    ]),
    paint.dim,
  )
}
