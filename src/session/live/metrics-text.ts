import type { LogCounts } from '../../base/log-counts.ts'
import { VERSION } from '../../base/version.ts'
import type { FigureBook } from './figure-book.ts'
import type { LiveFigures, Quantiles } from './live-figures.ts'

type Labels = Readonly<Record<string, string>>
export type Sample = readonly [value: number | null, labels?: Labels]
type Type = 'counter' | 'gauge'

const LATENCIES: Readonly<Record<keyof LiveFigures['latency'], string>> = {
  ttft: 'Request sent to first token, of every request as it comes',
  itl: 'Gap between two events that carry tokens, of every request as it comes',
  tpot: 'Time per output token after the first, of requests that ended well',
  e2e: 'Request sent to end of the answer, of requests that ended well',
  lag: 'Send after its scheduled time',
}
/** 2^16 ns = 66 µs to 2^38 ns = 4.6 min: there, and half-way between, the counts are exact. */
const BOUNDS_NS = Array.from({ length: 45 }, (_, i) => 2 ** (16 + Math.floor(i / 2)) * (i % 2 === 0 ? 1 : 1.5))

/**
 * The live figures as a page in the Prometheus text format 0.0.4; before the run starts, only the program's version.
 */
export function metricsText(book: FigureBook): string {
  const figures = book.snapshot()
  const out = [metric('layerline_build_info', 'gauge', 'What records', [[1, { version: VERSION }]])]
  if (figures !== null) {
    out.push(...counts(figures), ...rates(figures), ...machine(figures))
    // The counts are shared: each is written before the next is asked for.
    for (const [name, counted] of book.totals()) out.push(latency(name, counted, figures.latency[name].recent))
  }
  return out.join('')
}

function counts({ requests, tokens, bytes, elapsedNs, pausedNs, paused }: LiveFigures): string[] {
  const ended = [['ok', requests.ok] as const, ...requests.byStatus]
  return [
    metric('layerline_elapsed_seconds', 'gauge', 'Since the first request could be offered', [[elapsedNs / 1e9]]),
    metric('layerline_offering_paused', 'gauge', 'Whether the user holds the offering', [[paused ? 1 : 0]]),
    metric('layerline_offering_paused_seconds_total', 'counter', 'Time the user held the offering', [[pausedNs / 1e9]]),
    metric('layerline_requests_planned', 'gauge', 'Requests of the whole schedule', [[requests.planned]]),
    metric('layerline_requests_offered_total', 'counter', 'Requests that were due', [[requests.offered]]),
    metric('layerline_requests_held_back', 'gauge', 'Requests that are due and held back', [[requests.holding]]),
    metric('layerline_requests_sent_total', 'counter', 'Requests handed to the client', [[requests.sent]]),
    metric(
      'layerline_requests_total',
      'counter',
      'Requests that ended, by how',
      ended.map(([status, n]) => [n, { status }]),
    ),
    metric('layerline_requests_in_flight', 'gauge', 'Requests sent and not ended', [[requests.inFlight]]),
    metric('layerline_input_tokens_total', 'counter', 'Prompt tokens of requests that ended', [[tokens.input]]),
    metric('layerline_output_tokens_total', 'counter', 'Generated tokens, as they come', [[tokens.output]]),
    metric('layerline_request_body_bytes_total', 'counter', 'Bytes of the request bodies (TX)', [[bytes.tx]]),
    metric(
      'layerline_answer_body_bytes_total',
      'counter',
      'Bytes of the answers, of a stream its SSE lines, freed of HTTP framing and compression (RX)',
      [[bytes.rx]],
    ),
  ]
}

function rates({ rates }: LiveFigures): string[] {
  const rate = (name: string, what: string, value: number) =>
    metric(`layerline_${name}_per_second`, 'gauge', `${what} a second over the last sample interval`, [[value]])
  return [
    rate('requests', 'Requests that ended well,', rates.okPerS),
    rate('offered_requests', 'Requests that were due,', rates.offeredPerS),
    rate('failed_requests', 'Requests that failed,', rates.failedPerS),
    rate('input_tokens', 'Prompt tokens', rates.inputTokensPerS),
    rate('output_tokens', 'Generated tokens', rates.outputTokensPerS),
    rate('request_body_bytes', 'Bytes of request bodies', rates.txBytesPerS),
    rate('answer_body_bytes', 'Bytes of answers', rates.rxBytesPerS),
  ]
}

function machine({ server, gpus, hosts, client }: LiveFigures): string[] {
  const gpu = (name: string, what: string, value: (each: LiveFigures['gpus'][number]) => number | null) =>
    metric(
      `layerline_gpu_${name}`,
      'gauge',
      what,
      gpus.map((each) => [value(each), { gpu: each.device }]),
    )
  const host = (name: string, what: string, value: (each: LiveFigures['hosts'][number]) => number | null) =>
    metric(
      `layerline_host_${name}`,
      'gauge',
      what,
      hosts.map((each) => [value(each), { host: each.host }]),
    )
  const loopDelayS = client.loopDelayP99Ns === null ? null : client.loopDelayP99Ns / 1e9
  return [
    metric('layerline_server_requests_running', 'gauge', 'Requests that the server decodes', [[server.running]]),
    metric('layerline_server_requests_waiting', 'gauge', "Requests in the server's queue", [[server.waiting]]),
    metric('layerline_server_kv_cache_usage_ratio', 'gauge', "Share of the server's KV cache in use", [
      [server.kvCacheRatio],
    ]),
    gpu('utilization_ratio', 'Share of the time in which the GPU was busy', (each) => each.utilizationRatio),
    gpu('power_watts', 'Power that the GPU draws', (each) => each.powerW),
    gpu('memory_used_bytes', 'Memory of the GPU in use', (each) => each.memoryUsedBytes),
    host('cpu_busy_ratio', 'Share of its CPUs that was busy', (each) => each.cpuBusyRatio),
    host('memory_available_bytes', 'Memory to give', (each) => each.memoryAvailableBytes),
    host('power_watts', 'Power of its processors', (each) => each.powerW),
    metric('layerline_client_cpu_cores', 'gauge', 'CPU that the recording process takes', [[client.cores]]),
    metric('layerline_client_event_loop_delay_p99_seconds', 'gauge', 'How late its event loop came round', [
      [loopDelayS],
    ]),
  ]
}

/** A series without a value is omitted, and so is a metric without series. */
export function metric(name: string, type: Type, help: string, samples: readonly Sample[]): string {
  const lines = samples.flatMap(([value, labels]) => (value === null ? [] : [sample(name, value, labels)]))
  return lines.length === 0 ? '' : `${head(name, type, help)}${lines.join('')}`
}

/** All of the run as a histogram, which can be summed; the last sample interval as a summary, which is exact. */
function latency(key: keyof LiveFigures['latency'], counts: LogCounts, recent: Quantiles): string {
  const name = `layerline_${key === 'lag' ? 'send_lag' : key}_seconds`
  const buckets = BOUNDS_NS.map((ns) => sample(`${name}_bucket`, counts.below(ns), { le: String(ns / 1e9) }))
  const window = name.replace(/_seconds$/, '_recent_seconds')
  const quantile = (share: string, ns: number) => sample(window, ns / 1e9, { quantile: share })
  const totals = (base: string) => `${sample(`${base}_sum`, counts.sumNs / 1e9)}${sample(`${base}_count`, counts.n)}`
  return [
    head(name, 'histogram', LATENCIES[key]),
    ...buckets,
    sample(`${name}_bucket`, counts.n, { le: '+Inf' }),
    totals(name),
    head(window, 'summary', `${LATENCIES[key]}; quantiles of the last sample interval`),
    quantile('0.5', recent.p50Ns),
    quantile('0.95', recent.p95Ns),
    quantile('0.99', recent.p99Ns),
    totals(window),
  ].join('')
}

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}.\n# TYPE ${name} ${type}\n`
}

function sample(name: string, value: number, labels: Labels = {}): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`)
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${Number.isNaN(value) ? 'NaN' : value}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
