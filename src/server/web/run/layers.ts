import type { Report } from '../../../analysis/report.ts'
import type { RunReader } from '../../../store/read/run-reader.ts'
import type { Layer } from '../api-types.ts'

/** Which layers the run has, and for each one that it lacks the command that adds it to the next recording. */
export async function layersOf(reader: RunReader, report: Report): Promise<Layer[]> {
  const rows = await reader.query(
    `SELECT t.layer, count(*) AS tracks, count(*) FILTER (coalesce(json_valid(t.attrs) AND (t.attrs->>'role') = 'engine', false)) AS engine FROM tracks t GROUP BY t.layer`,
  )
  const tracks = new Map(rows.map((row) => [String(row.layer), Number(row.tracks)]))
  const count = (layer: string) => tracks.get(layer) ?? 0
  const many = (n: number, what: string) => `${n.toLocaleString('en')} ${what}${n === 1 ? '' : 's'}`
  const again = commandOf(report)
  const chunks = report.run.layers.chunks?.rows ?? 0
  const requests = report.offered.by_status.reduce((sum, each) => sum + each.requests, 0)
  const has = (layer: string, present: boolean, what: string, missing: string, command: string): Layer =>
    present ? { layer, present, what, command: null } : { layer, present, what: missing, command }
  return [
    has('requests', requests > 0, many(requests, 'request'), 'latency of requests', 'layerline demo'),
    has('tokens', chunks > 0, many(chunks, 'event'), 'every streamed token', 'layerline demo'),
    has(
      'engine metrics',
      report.engine_metrics !== null,
      many(report.engine_metrics?.pages ?? 0, 'page'),
      'queue, batch and KV cache',
      `${again} --engine-metrics URL/metrics`,
    ),
    has(
      'engine steps',
      report.steps !== null,
      many(
        (report.steps?.kinds ?? []).reduce((sum, { steps }) => sum + steps, 0),
        'step',
      ),
      'the step of every token',
      'layerline demo --engine vllm',
    ),
    has(
      'kernels',
      report.kernels !== null || report.operators !== null,
      many(count('kernel'), 'track'),
      'kernels and operators',
      `${again} --profile`,
    ),
    has(
      'operating system',
      report.os !== null,
      many(count('os'), 'track'),
      'what the kernel sees of the engine',
      `${again} --os auto`,
    ),
    has('GPU', count('gpu') > 0, many(count('gpu'), 'track'), 'GPU use and power', `${again} --gpu auto`),
    has('host', count('host') > 0, many(count('host'), 'track'), 'CPU, memory and the run queue', again),
  ]
}

/** The recording once more, as far as run.json can tell it. */
function commandOf({ run }: Report): string {
  if (run.command === 'os' || run.command === 'import' || run.command === 'demo') {
    return 'layerline trace --prompts samples/prompts.csv --url URL'
  }
  const url = run.url === null ? 'URL' : run.url.replace(/\/v1\/.*$/, '')
  const name = ['trace', 'replay', 'load'].includes(run.command) ? run.command : 'load'
  const what =
    name === 'trace' ? '--prompts samples/prompts.csv' : name === 'replay' ? '--trace samples/arrivals.csv' : '--rate 2'
  return `layerline ${name} ${what} --url ${url}`
}
