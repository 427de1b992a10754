/** Round half to even, as numpy's `round` does. */
export function numpyRound(value: number, digits: number): number {
  const scaled = value * 10 ** digits
  const floor = Math.floor(scaled)
  const half = scaled - floor
  const whole = half > 0.5 || (half === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
  return whole / 10 ** digits
}
