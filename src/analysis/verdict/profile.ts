import { many, wholeNumber } from '../quantity.ts'
import type { Rule } from './rule.ts'

/** Requests that were answered while a profiler slowed the server do not show its speed. */
export const profiledRequests: Rule = ({ offered }) => {
  const { profiled, requests } = offered
  if (profiled === 0) return null
  if (profiled === requests) {
    const text = `The server's profiler ran or wrote during every request: there are no latencies; profile a part of the run: --profile-window START+DURATION`
    return { level: 'warn', what: 'profiled', text }
  }
  const text = `${many('request', profiled)} of ${wholeNumber(requests)} were under way while the server's profiler ran or wrote: marked, and not in the latencies`
  return { level: 'note', what: 'profiled', text }
}

/** A profile with a wrong clock would assign its kernels to the wrong steps. */
export const profileOffClock: Rule = ({ steps }) => {
  const fit = steps?.profile ?? null
  if (fit === null || (fit.tied === fit.steps && fit.early_tokens === 0)) return null
  const early =
    fit.early_tokens === 0
      ? ''
      : `; ${many('token', fit.early_tokens)} came before the profile's step that made them had ended, so the clocks differ`
  const text = `${wholeNumber(fit.steps - fit.tied)} of ${many('profiled step', fit.steps)} fit no step of the engine's log${early}: the profile's clock may be off, or the log is not of that engine`
  return { level: 'warn', what: 'profile', text }
}
