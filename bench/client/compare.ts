import type { Truth } from '../../test/paced-server/truth.ts'
import type { Compared, Comparison, Seen } from './job.ts'

/** The q-quantile by order statistics: the smallest value with at least a share q at or below it. */
export function quantile(sorted: Float64Array, q: number): number {
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

/** Holds what a reader recorded against what the server says it did, request by request, gap by gap. */
export function compareWithTruth(seen: readonly Seen[], truth: Truth): Comparison {
  const ttft: [number, number][] = []
  const itl: [number, number][] = []
  for (const request of seen) {
    const told = truth.requests[request.key]
    if (told === undefined) throw new Error(`the server knows no request ${request.key}`)
    const stamps = told.stamps.filter((_, i) => 'ctf'.includes(told.kinds[i]!))
    if (stamps.length !== request.stampsNs.length) {
      throw new Error(`${request.key}: ${request.stampsNs.length} token events recorded, ${stamps.length} written`)
    }
    const first = request.stampsNs[0]
    if (first === undefined) continue
    ttft.push([first - request.sentNs, stamps[0]! - told.received_ns])
    for (let i = 1; i < stamps.length; i++) {
      itl.push([request.stampsNs[i]! - request.stampsNs[i - 1]!, stamps[i]! - stamps[i - 1]!])
    }
  }
  return { ttft: compared(ttft), itl: compared(itl), serverLateMs: truth.pacing.late_p99_ns / 1e6 }
}

function compared(pairs: readonly [recorded: number, truth: number][]): Compared {
  const percentiles = (values: number[]) => {
    const sorted = Float64Array.from(values).sort()
    return { p50: quantile(sorted, 0.5) / 1e6, p99: quantile(sorted, 0.99) / 1e6 }
  }
  return {
    count: pairs.length,
    recorded: percentiles(pairs.map(([recorded]) => recorded)),
    truth: percentiles(pairs.map(([, truth]) => truth)),
    paired: percentiles(pairs.map(([recorded, truth]) => Math.abs(recorded - truth))),
  }
}
