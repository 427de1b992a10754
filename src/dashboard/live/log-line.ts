import type { LiveFigures } from '../../session/live/live-figures.ts'
import { clockTime, shortBytes, shortCount, shortDuration, shortNumber, shortShare } from './chart/short.ts'

/** The figures in one line, for logs and pipes; latencies are of the last sample interval. */
export function logLine(figures: LiveFigures): string {
  const { requests, rates, latency, bytes, server, gpus } = figures
  const { planned, ended, failed, inFlight } = requests
  const { ttft, tpot, e2e, lag } = latency
  const parts = [
    clockTime(figures.elapsedNs),
    figures.paused ? 'paused' : '',
    planned === null ? `${ended} ended` : `${ended}/${planned} ended`,
    failed > 0 ? `${failed} failed` : '',
    `${inFlight} in flight`,
    `${shortNumber(rates.okPerS)} req/s`,
    `${shortNumber(rates.inputTokensPerS)} in tok/s`,
    `${shortNumber(rates.outputTokensPerS)} out tok/s`,
    `TTFT p95 ${shortDuration(ttft.recent.p95Ns)}`,
    `TPOT p95 ${shortDuration(tpot.recent.p95Ns)}`,
    `E2E p95 ${shortDuration(e2e.recent.p95Ns)}`,
    `lag p99 ${shortDuration(lag.recent.p99Ns)}`,
    `TX ${shortBytes(bytes.tx)}`,
    `RX ${shortBytes(bytes.rx)}`,
    server.waiting === null ? '' : `queue ${shortCount(server.waiting)}`,
    server.kvCacheRatio === null ? '' : `KV ${shortShare(server.kvCacheRatio)}`,
    gpus[0]?.utilizationRatio == null ? '' : `GPU ${shortShare(gpus[0].utilizationRatio)}`,
  ]
  return parts.filter((part) => part !== '').join(' · ')
}
