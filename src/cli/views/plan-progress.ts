import { basename } from 'node:path'
import { many } from '../../analysis/quantity.ts'
import { withoutControls } from '../../dashboard/text/text.ts'
import type { PlanView } from '../../session/trace-plan/run-plan.ts'
import { type TraceView, traceView } from './trace-view.ts'

export interface PlanProgress extends PlanView {
  readonly succeeded: number
  done(): void
}

/** What happens while a plan is followed: its targets, their requests, and progress with an ETA over all of them. */
export function planProgress(options: { targets: number; quiet: boolean; json: boolean }): PlanProgress {
  let view: TraceView | null = null
  let turn = ''
  const say = (text: string) => {
    view?.done()
    if (!options.quiet) process.stderr.write(`${withoutControls(text)}\n`)
  }
  return {
    get succeeded() {
      return view?.succeeded ?? 0
    },
    recovered(folder) {
      say(`${folder}: was cut off; sealed`)
    },
    begins({ left, answered, seed }) {
      view = traceView({ total: left, quiet: options.quiet, json: options.json, live: null, what: () => turn })
      const before = answered === 0 ? '' : `; ${many('request', answered)} answered before`
      if (left === 0) return say(`all ${many('request', answered)} were answered before, seed ${seed}`)
      say(`${many('request', left)} to send at ${many('target', options.targets)}, seed ${seed}${before}`)
    },
    warned(name, text) {
      say(`${name}: ${text}`)
    },
    target(name, counts) {
      turn = name
      say(`${name}: ${many('request', counts.left)}${counts.answered === 0 ? '' : ` of ${counts.requests} left`}`)
      return view as TraceView
    },
    ran(name, run) {
      say(`${name}: ${basename(run.folder)} sealed`)
    },
    skipped(name, error) {
      say(`${name}: skipped: ${error.message}${error.hint === undefined ? '' : `\n  -> ${error.hint}`}`)
    },
    done() {
      view?.done()
    },
  }
}
