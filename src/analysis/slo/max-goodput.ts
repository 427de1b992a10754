/** One run, or one step of a sweep: what was asked for, and how much of it met every objective. */
export interface RateStep {
  /** Requests a second that were offered; in a closed loop, those that were answered. */
  readonly rate_per_s: number
  readonly slo_attainment: number
}

export interface MaxGoodput {
  /** The attainment asked for. */
  target: number
  /** The highest rate whose attainment reaches the target; null where none does. */
  max_goodput_per_s: number | null
  /** The lowest rate above it, which does not reach it; null where nothing higher was tried: then the true maximum may lie higher. */
  fails_at_per_s: number | null
  /** Rates below the maximum that did not reach the target: the attainment does not fall steadily, so look twice. */
  failed_below: number[]
}

/** The highest of the rates tried whose attainment reaches `target` (0…1). Steps of one rate count as their mean attainment. */
export function maxGoodput(steps: readonly RateStep[], target: number): MaxGoodput {
  const byRate = new Map<number, number[]>()
  for (const { rate_per_s, slo_attainment } of steps) {
    byRate.set(rate_per_s, [...(byRate.get(rate_per_s) ?? []), slo_attainment])
  }
  const rates = [...byRate]
    .map(([rate, shares]) => ({ rate, reaches: shares.reduce((a, b) => a + b, 0) / shares.length >= target - 1e-12 }))
    .sort((a, b) => a.rate - b.rate)
  const best = rates.findLastIndex(({ reaches }) => reaches)
  return {
    target,
    max_goodput_per_s: rates[best]?.rate ?? null,
    fails_at_per_s: rates[best + 1]?.rate ?? null,
    failed_below: rates
      .slice(0, Math.max(0, best))
      .filter(({ reaches }) => !reaches)
      .map(({ rate }) => rate),
  }
}
