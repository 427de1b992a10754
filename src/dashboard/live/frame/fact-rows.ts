import { wholeNumber } from '../../../analysis/quantity.ts'
import type { GpuFigures, LiveFigures } from '../../../session/live/live-figures.ts'
import { bar } from '../../text/sparkline.ts'
import { printable } from '../../text/text.ts'
import type { Tone } from '../chart/palette.ts'
import { NONE, shortBytes, shortCount, shortDuration, shortNumber, shortShare } from '../chart/short.ts'
import type { LiveStyle } from './live-style.ts'
import { Row } from './row.ts'

const LABEL = 9
const BAR = 8
/** GPUs listed one by one; more are summed up. */
const MOST_GPUS = 8

type Part = readonly [text: string, tone?: Tone]

/** Counts by outcome, bytes, the server and the machine: one row each. */
export function factRows(figures: LiveFigures, width: number, style: LiveStyle): string[] {
  return [
    factRow('requests', requestParts(figures), width, style),
    factRow('network', networkParts(figures), width, style),
    factRow('server', serverParts(figures), width, style),
    factRow('machine', machineParts(figures), width, style),
  ]
}

/** A row for each GPU and host, for the view of the machine. */
export function deviceRows(figures: LiveFigures, width: number, style: LiveStyle): string[] {
  const hosts = figures.hosts.map((host) =>
    factRow(
      'host',
      [
        [printable(host.host)],
        ...gauge('CPU', host.cpuBusyRatio, 0.85, 0.97),
        [`${shortBytes(host.memoryAvailableBytes ?? Number.NaN)} memory free`],
        ...(host.powerW === null ? [] : [[`${shortCount(host.powerW)}W`] as Part]),
      ],
      width,
      style,
    ),
  )
  const gpus = figures.gpus.slice(0, MOST_GPUS).map((gpu) => factRow('GPU', gpuParts(gpu), width, style))
  return [...hosts, ...gpus]
}

function factRow(label: string, parts: readonly Part[], width: number, style: LiveStyle): string {
  const row = new Row(width, style.palette).text(' ').cell(label, LABEL, 'left', 'strong')
  for (const [i, [text, tone]] of parts.entries()) {
    if (i > 0) row.text('  ')
    row.text(text, tone)
  }
  return row.end()
}

function requestParts({ requests, rates }: LiveFigures): Part[] {
  const { ok, failed, inFlight, holding, byStatus, byHttpStatus } = requests
  const kinds = [...byStatus].map(([status, n]) => `${wholeNumber(n)} ${status}${httpOf(status, byHttpStatus)}`)
  return [
    [`${wholeNumber(ok)} ok`, ok > 0 ? 'good' : 'dim'],
    [`${wholeNumber(failed)} failed${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`, failed > 0 ? 'bad' : 'dim'],
    [`${wholeNumber(inFlight)} in flight`],
    ...(holding > 0 ? [[`${wholeNumber(holding)} held back`, 'warn'] as Part] : []),
    [`${shortNumber(rates.okPerS)}/s of ${shortNumber(rates.offeredPerS)}/s offered`, 'dim'],
  ]
}

/** ` (503, 429)` behind `http_error`. */
function httpOf(status: string, byHttpStatus: ReadonlyMap<number, number>): string {
  const codes = [...byHttpStatus.keys()].filter((code) => code !== 200)
  return status === 'http_error' && codes.length > 0 ? ` (${codes.slice(0, 4).join(', ')})` : ''
}

function networkParts({ bytes, rates }: LiveFigures): Part[] {
  return [
    [`TX ${shortBytes(bytes.tx)}`],
    [`${shortBytes(rates.txBytesPerS)}/s, request bodies`, 'dim'],
    [`RX ${shortBytes(bytes.rx)}`],
    [`${shortBytes(rates.rxBytesPerS)}/s, SSE stream`, 'dim'],
  ]
}

function serverParts({ server }: LiveFigures): Part[] {
  const { running, waiting, kvCacheRatio } = server
  if (running === null && waiting === null && kvCacheRatio === null)
    return [['queue and KV cache unknown; --engine-metrics URL asks for them', 'dim']]
  return [
    [`${running === null ? NONE : shortCount(running)} running`],
    [`${waiting === null ? NONE : shortCount(waiting)} waiting`, (waiting ?? 0) > 0 ? 'warn' : 'plain'],
    ...gauge('KV cache', kvCacheRatio, 0.85, 0.95),
  ]
}

function machineParts({ hosts, gpus, client, latency }: LiveFigures): Part[] {
  const host = hosts[0]
  const gpu = gpus[0]
  const watts = gpus.reduce((sum, each) => sum + (each.powerW ?? 0), 0)
  const parts: Part[] = host === undefined ? [] : [...gauge('CPU', host.cpuBusyRatio, 0.85, 0.97)]
  if (host?.powerW != null) parts.push([`${shortCount(host.powerW)}W`])
  if (gpu !== undefined) {
    const busy = gpus.map((each) => each.utilizationRatio ?? 0)
    parts.push(
      ...gauge(gpus.length === 1 ? 'GPU' : `${gpus.length} GPUs`, busy.reduce((a, b) => a + b, 0) / gpus.length),
    )
    if (watts > 0) parts.push([`${shortCount(watts)}W`])
  }
  const lag = latency.lag.recent.p99Ns
  if (client.cores !== null)
    parts.push([`client ${shortNumber(client.cores)} cores`, client.cores > 0.9 ? 'warn' : 'dim'])
  if (!Number.isNaN(lag))
    parts.push([`lag p99 ${shortDuration(lag)}`, lag >= 10e6 ? 'bad' : lag >= 2e6 ? 'warn' : 'dim'])
  return parts.length === 0 ? [[NONE, 'dim']] : parts
}

function gpuParts(gpu: GpuFigures): Part[] {
  const memory =
    gpu.memoryTotalBytes === null || gpu.memoryUsedBytes === null ? null : gpu.memoryUsedBytes / gpu.memoryTotalBytes
  return [
    [printable(gpu.device)],
    ...gauge('busy', gpu.utilizationRatio),
    ...gauge('memory', memory, 0.97, 0.995),
    ...(gpu.powerW === null ? [] : [[`${shortCount(gpu.powerW)}W`] as Part]),
  ]
}

/** `CPU ███▌     42%`. */
function gauge(label: string, share: number | null, warn = 2, bad = 2): Part[] {
  if (share === null) return []
  const full = bar(share, BAR)
  const tone: Tone = share >= bad ? 'bad' : share >= warn ? 'warn' : 'machine'
  return [[`${label} ${full.padEnd(BAR, '·')}`, tone], [shortShare(share).padStart(4)]]
}
