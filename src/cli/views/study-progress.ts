import type { WriteStream } from 'node:tty'
import { many } from '../../analysis/quantity.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import type { SamplingStudyOptions } from '../../session/sampling-study.ts'
import { progressLine } from './progress-line.ts'

type Told = Required<Pick<SamplingStudyOptions, 'begins' | 'done'>> &
  Required<Pick<RequestRunView, 'note' | 'stopping'>>

export interface StudyProgress extends Told {
  /** A request of the current run has ended, of so many. */
  ended(requests: number): void
  clear(): void
  where(folder: string, json: boolean): void
}

/** One line per run, and on a terminal the progress of the whole study, with an ETA. */
export function studyProgress(out: WriteStream, quiet: boolean): StudyProgress {
  const line = progressLine(out, quiet)
  const said = new Set<string>()
  let at = { index: 0, total: 1, what: '' }
  let ended = 0
  let startedMs = 0
  const say = (text: string) => {
    if (!quiet) line.above(() => out.write(`${text}\n`))
  }
  const show = (part: number) =>
    line.show('runs', (at.index + part) / at.total, `${at.index + 1}/${at.total} ${at.what}`)
  return {
    begins(arm, index, total) {
      const what = arm.block === null ? 'warm-up' : `block ${arm.block + 1}, ${arm.period_ms} ms`
      if (index === 0) say(`${many('run', total)} to do, the first to warm up`)
      at = { index, total, what }
      ended = 0
      startedMs = performance.now()
      show(0)
    },
    ended(requests) {
      show(Math.min(1, ++ended / requests))
    },
    done(_, { report: { offered } }) {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
      say(
        `${at.index + 1}/${at.total} ${at.what}: ${seconds} s, ${offered.ok} of ${many('request', offered.requests)} answered`,
      )
      show(1)
    },
    // Each run would say the same.
    note(text) {
      if (!said.has(text)) say(text)
      said.add(text)
    },
    stopping(stage) {
      say(
        stage === 'draining'
          ? 'stopping: waiting up to 5 s for requests in flight; Ctrl-C again cuts them off; this run does not count'
          : 'cutting off what is in flight',
      )
    },
    clear: line.clear,
    where(folder, json) {
      if (!quiet) out.write(`\nstudy: ${folder}\n`)
      else if (!json) process.stdout.write(`${folder}\n`)
    },
  }
}
