import type { WriteStream } from 'node:tty'
import type { Progress } from '../../engines/care/progress.ts'
import { progressLine } from './progress-line.ts'

/** Draws an engine's install and start: one line on a terminal, else one line as each step begins. */
export function engineProgress(out: WriteStream, quiet: boolean): { show(step: Progress): void; done(): void } {
  let line = progressLine(out, quiet)
  let current = ''
  return {
    show(step) {
      if (step.name !== current) {
        current = step.name
        line.clear()
        // Each step has its own ETA.
        line = progressLine(out, quiet)
        if (!quiet && !out.isTTY) out.write(`layerline: ${step.text}\n`)
      }
      const size =
        step.unit === 'bytes'
          ? `${Math.round(step.done / 1e6)}${step.total > 0 ? `/${Math.round(step.total / 1e6)}` : ''} MB`
          : ''
      line.show(step.text, step.total > 0 ? step.done / step.total : null, size)
    },
    done() {
      line.clear()
    },
  }
}
