import type { WriteStream } from 'node:tty'
import { batchLines, jobLine, modelLine } from '../../dashboard/kernels/batch-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import type { BatchState, BatchView } from '../../session/kernels/batch.ts'

const REDRAW_MS = 250

export interface BatchProgress {
  readonly view: BatchView
  end(): void
}

/** A table that redraws itself below the lines of what is over; without a terminal the lines alone. */
export function batchProgress(out: WriteStream, quiet: boolean): BatchProgress {
  const live = out.isTTY && !quiet
  const paint = paintFor(live && !process.env.NO_COLOR)
  let state: BatchState | null = null
  let drawn = 0
  let stopped = false
  let over = false
  const clear = () => {
    if (drawn > 0) out.write(`\x1b[${drawn}A\x1b[0J`)
    drawn = 0
  }
  const draw = () => {
    if (!live || state === null) return
    const width = out.columns ?? 80
    const rows = Math.max(2, (out.rows ?? 24) - 1)
    const lines = batchLines(state, performance.now(), width - 1).slice(0, rows)
    clear()
    out.write(lines.map((line) => `${line}\n`).join(''))
    drawn = lines.length
  }
  const say = (text: string) => {
    if (quiet) return
    clear()
    out.write(`${text}\n`)
    draw()
  }
  const timer = live ? setInterval(draw, REDRAW_MS) : undefined
  timer?.unref()
  return {
    view: {
      changed(now) {
        state = now
        if (now.stopping && !stopped) {
          stopped = true
          say('stopping: workers are ended; what is done is kept')
        }
      },
      model(model, now) {
        state = now
        if (model.state !== 'ready') say(`↓ ${modelLine(model)}`)
      },
      job(job, now) {
        state = now
        const n = now.jobs.filter(({ state: each }) => each !== 'waiting' && each !== 'running').length
        say(`[${n}/${now.jobs.length}] ${jobLine(job, paint)}`)
      },
    },
    end() {
      if (over) return
      over = true
      clearInterval(timer)
      clear()
    },
  }
}
