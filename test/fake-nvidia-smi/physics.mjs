// What the fake's sensors measure, as functions of Unix time in seconds: README.md gives the same formulas in words.
const TURN = 2 * Math.PI
/** Of power and work, s. */
export const PERIOD_S = Number(process.env.FAKE_SMI_PERIOD_S ?? 20)
export const SENSOR_S = 0.1
/** Averages look back this long. */
export const UTILIZATION_WINDOW_S = 1 / 6
export const POWER_WINDOW_S = 1

/** True power of GPU `index`, W. */
export function powerW(index, unixS) {
  return 200 + 20 * index + 100 * Math.sin((TURN * unixS) / PERIOD_S)
}

/** Its integral from `fromS` to `toS`, J. */
export function energyJ(index, fromS, toS) {
  const swing = (100 * PERIOD_S) / TURN
  const at = (s) => Math.cos((TURN * s) / PERIOD_S)
  return (200 + 20 * index) * (toS - fromS) + swing * (at(fromS) - at(toS))
}

/** True share of time that GPU `index` is busy. */
export function busyRatio(unixS) {
  return 0.5 + 0.4 * Math.sin((TURN * unixS) / PERIOD_S)
}

/** Its mean over the window that ends at `unixS`. */
export function utilization(unixS) {
  const swing = (0.4 * PERIOD_S) / TURN / UTILIZATION_WINDOW_S
  const at = (s) => Math.cos((TURN * s) / PERIOD_S)
  return 0.5 + swing * (at(unixS - UTILIZATION_WINDOW_S) - at(unixS))
}

/** When the sensor last looked: all values hold from one multiple of 100 ms of Unix time to the next. */
export function sensorTime(unixS) {
  return Math.floor(unixS / SENSOR_S + 1e-6) * SENSOR_S
}
