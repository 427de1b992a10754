import type { EngineFigures, EngineSeriesFigures, GaugeFigures } from '../../analysis/engine/engine-figures.ts'
import { duration, many, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { NOTHING } from '../text/format.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { printable, wrap } from '../text/text.ts'

const MAX_PROCESSES = 16
const right = (title: string) => ({ title, align: 'right' as const })

/** Queue, KV cache and totals by the server's page of metrics; a line per rank, engine or replica where there are several. */
export function engineLines({ engine_metrics: engine }: Report, width: number, paint: Paint): string[] {
  if (engine === null) return []
  const gauges: [string, GaugeFigures, (value: number) => string][] = [
    ['requests running', engine.running, threeDigits],
    ['requests in its queue', engine.waiting, threeDigits],
    ['KV cache in use', engine.kv_cache, percent],
  ]
  const rows = gauges.flatMap(([name, figures, as]) =>
    figures === null ? [] : [[name, as(figures.mean), as(figures.max)]],
  )
  const lines = rows.length === 0 ? [] : table([{ title: '' }, right('mean'), right('highest')], rows, paint.dim)
  const facts = factsOf(engine)
  return [
    ...lines,
    ...(facts.length === 0 ? [] : wrap(facts.join(' · '), width - 2)),
    ...processLines(engine.series, paint),
    paint.dim(`${many('page', engine.pages)}, ${wholeNumber(engine.series.length + engine.more_series)} series`),
  ]
}

function factsOf(engine: EngineFigures): string[] {
  const count = (value: number | null, word: string) => (value === null ? [] : [many(word, value)])
  const time = (ms: number | null, word: string) => (ms === null ? [] : [`${word} ${duration(ms)}`])
  return [
    ...count(engine.prompt_tokens, 'prompt token'),
    ...(engine.cached_prompt_tokens === null ? [] : [`${wholeNumber(engine.cached_prompt_tokens)} of them cached`]),
    ...count(engine.generation_tokens, 'generated token'),
    ...(engine.prefix_hit_ratio === null ? [] : [`prefix cache hits ${percent(engine.prefix_hit_ratio)}`]),
    ...count(engine.preemptions, 'preemption'),
    ...count(engine.finished_requests, 'finished request'),
    ...time(engine.queue_mean_ms, 'mean queue time'),
    ...time(engine.ttft_mean_ms, 'mean TTFT'),
    ...time(engine.e2e_mean_ms, 'mean request time'),
    ...(engine.restarts === 0 ? [] : [`totals fell ${many('time', engine.restarts)}`]),
  ]
}

/** Only where there are several: one is the server. */
function processLines(series: readonly EngineSeriesFigures[], paint: Paint): string[] {
  const whoOf = ({ process, device, name }: EngineSeriesFigures) =>
    SHOWN.includes(name) ? [process, device].filter((part) => part !== null).join(', ') : ''
  const names = [...new Set(series.map(whoOf).filter((who) => who !== ''))]
  if (names.length < 2) return []
  const value = (who: string, name: string, as: (value: number) => string) => {
    const found = series.find((each) => each.name === name && whoOf(each) === who)
    const figure = found?.kind === 'total' ? found.added : found?.mean
    return figure == null ? NOTHING : as(figure)
  }
  const lines = table(
    [{ title: '', max: 40 }, right('running'), right('queue'), right('KV cache'), right('generated')],
    names
      .slice(0, MAX_PROCESSES)
      .map((who) => [
        printable(who),
        value(who, 'num_requests_running', threeDigits),
        value(who, 'num_requests_waiting', threeDigits),
        value(who, 'kv_cache_usage_ratio', percent),
        value(who, 'generation_tokens_total', wholeNumber),
      ]),
    paint.dim,
  )
  const more = names.length - MAX_PROCESSES
  return [...lines, ...(more > 0 ? [paint.dim(`and ${wholeNumber(more)} more in --json`)] : [])]
}

const SHOWN = ['num_requests_running', 'num_requests_waiting', 'kv_cache_usage_ratio', 'generation_tokens_total']
