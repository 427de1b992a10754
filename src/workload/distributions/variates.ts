import type { RandomStream } from '../../base/random-stream.ts'

/** Exponential of mean 1, by inversion. */
export function exponential(random: RandomStream): number {
  return -Math.log1p(-random.uniform53())
}

/** Standard normal: Marsaglia's polar method, its second value left unused so that no state is kept. */
export function normal(random: RandomStream): number {
  for (;;) {
    const u = 2 * random.uniform53() - 1
    const v = 2 * random.uniform53() - 1
    const s = u * u + v * v
    if (s > 0 && s < 1) return u * Math.sqrt((-2 * Math.log(s)) / s)
  }
}

/** Gamma of this shape and scale 1: Marsaglia and Tsang (2000), with their power of a uniform for shapes below 1. */
export function gamma(random: RandomStream, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * (1 - random.uniform53()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random.uniform53()) < 0.5 * x * x + d * (1 - v + Math.log(v))) return d * v
  }
}

/** Pareto: P(X > x) = (xm / x)^alpha for x >= xm, by inversion. */
export function pareto(random: RandomStream, alpha: number, xm: number): number {
  return xm * (1 - random.uniform53()) ** (-1 / alpha)
}

/** Poisson: products of uniforms for small means, else Hörmann's PTRS (1993). */
export function poisson(random: RandomStream, mean: number): number {
  if (mean < 10) return poissonByProducts(random, mean)
  const b = 0.931 + 2.53 * Math.sqrt(mean)
  const a = -0.059 + 0.02483 * b
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4)
  const vr = 0.9277 - 3.6224 / (b - 2)
  for (;;) {
    const u = random.uniform53() - 0.5
    const v = 1 - random.uniform53()
    const us = 0.5 - Math.abs(u)
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43)
    if (us >= 0.07 && v <= vr) return k
    if (k < 0 || (us < 0.013 && v > us)) continue
    const accepted = k * Math.log(mean) - mean - logFactorial(k)
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= accepted) return k
  }
}

function poissonByProducts(random: RandomStream, mean: number): number {
  const limit = Math.exp(-mean)
  let product = 1 - random.uniform53()
  let k = 0
  while (product > limit) {
    product *= 1 - random.uniform53()
    k++
  }
  return k
}

/** ln k!: the sum for small k, else Stirling's series, off by less than 1e-12. */
function logFactorial(k: number): number {
  if (k < 16) {
    let sum = 0
    for (let i = 2; i <= k; i++) sum += Math.log(i)
    return sum
  }
  const n = k + 1
  return (
    (n - 0.5) * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI) + 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5)
  )
}
