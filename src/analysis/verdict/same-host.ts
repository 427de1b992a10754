import { percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import { MACHINE_BUSY, runQueue } from './machine-rules.ts'
import { type Rule, tracksNamed, worst } from './rule.ts'

/** How busy all CPUs of the client's machine were, in all but the worst tenth of the samples; null: not measured. */
export function machineBusy(figures: Figures): number | null {
  const whole = tracksNamed(figures, 'host', 'cpu_busy_ratio').filter((track) => track.device === null)
  return worst(whole, 'p90')
}

export const sameHost: Rule = (figures) => {
  const { same_host: same } = figures.run
  if (same === null) {
    return { level: 'note', what: 'same_host', text: 'Not known whether the server ran on this same host' }
  }
  if (!same) return { level: 'ok', what: 'same_host', text: 'The server ran on another host' }
  const busy = machineBusy(figures)
  if (busy === null) {
    const text = 'The server ran on this same host; whether the two were short of CPU was not measured'
    return { level: 'warn', what: 'same_host', text }
  }
  if (busy >= MACHINE_BUSY) {
    const text = `The server ran on this same host, its CPUs ${percent(busy)} busy: client and server may have slowed each other down`
    return { level: 'warn', what: 'same_host', text }
  }
  if (runQueue(figures) !== null) {
    const text = `The server ran on this same host: its CPUs were ${percent(busy)} busy, and the client still waited for one: client and server may have slowed each other down`
    return { level: 'warn', what: 'same_host', text }
  }
  const text = `The server ran on this same host; its CPUs were ${percent(busy)} busy, so there was room for both`
  return { level: 'note', what: 'same_host', text }
}
