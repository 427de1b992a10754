import { printable } from '../../dashboard/text/text.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import { type LiveView, STOPPING } from './live-view.ts'
import { progressLine } from './progress-line.ts'

export interface ScheduleView extends RequestRunView {
  say(text: string): void
  done(): void
}

/** A run of a schedule as it is shown: the dashboard or its lines, notes, and where the run is. */
export function scheduleView(live: LiveView, options: { quiet: boolean; json: boolean }): ScheduleView {
  const sealing = progressLine(process.stderr, options.quiet || live.drawn)
  const say = (text: string) => {
    if (live.drawn) live.note(printable(text))
    else if (!options.quiet) process.stderr.write(`${printable(text)}\n`)
  }
  return {
    live: live.live,
    running: live.running,
    ended: live.ended,
    merged: live.merged,
    say,
    note: say,
    stopping(stage) {
      if (live.drawn) live.stopping(stage)
      else process.stderr.write(`${STOPPING[stage]}\n`)
    },
    sealing(progress) {
      live.sealing(progress)
      sealing.show(`sealing ${progress.table}`, progress.done / progress.total)
    },
    analysing: () => sealing.show('analysing', null),
    done() {
      live.close()
      sealing.clear()
    },
  }
}
