import { percent } from '../quantity.ts'
import { type Rule, tracksNamed, worst } from './rule.ts'

/** All of a machine's CPUs this busy, and whoever shares it waits for one. */
export const MACHINE_BUSY = 0.9

export const sameHost: Rule = (figures) => {
  const { same_host: same } = figures.run
  if (same === null) {
    return { level: 'note', what: 'same_host', text: 'Not known whether the server ran on this same host' }
  }
  if (!same) return { level: 'ok', what: 'same_host', text: 'The server ran on another host' }
  const busy = worst(
    tracksNamed(figures, 'host', 'cpu_busy_ratio').filter((track) => track.device === null),
    'p90',
  )
  if (busy === null) {
    const text = 'The server ran on this same host; whether the two were short of CPU was not measured'
    return { level: 'warn', what: 'same_host', text }
  }
  if (busy >= MACHINE_BUSY) {
    const text = `The server ran on this same host, its CPUs ${percent(busy)} busy: client and server may have slowed each other down`
    return { level: 'warn', what: 'same_host', text }
  }
  const text = `The server ran on this same host; its CPUs were ${percent(busy)} busy, so there was room for both`
  return { level: 'note', what: 'same_host', text }
}
