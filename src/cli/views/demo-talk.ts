import type { Writable } from 'node:stream'
import { answerLine } from '../../dashboard/demo-view.ts'
import type { Paint } from '../../dashboard/text/paint.ts'
import { printable, withoutControls } from '../../dashboard/text/text.ts'
import { WordWrap } from '../../dashboard/text/word-wrap.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import { ttftNs } from '../../trace/base-figures.ts'

/** Shows a conversation as it happens: each question, the answer as it arrives, and what it took. */
export function demoTalk(out: Writable, says: readonly string[], paint: Paint, width: number): RequestRunView {
  let wrap = new WordWrap(width)
  return {
    hooks(draft) {
      if (draft.phase === 'warmup') return {}
      wrap = new WordWrap(width)
      out.write(`\n${paint.bold(`> ${says[draft.turn ?? 0] ?? ''}`)}\n`)
      return { onText: (delta) => out.write(wrap.push(withoutControls(delta))) }
    },
    ended(draft, outcome) {
      if (draft.phase === 'warmup') return
      out.write(`${wrap.flush()}\n`)
      if (outcome.status !== 'ok') {
        out.write(`${paint.red(`${outcome.status}: ${printable(outcome.error ?? '')}`)}\n`)
        return
      }
      const line = answerLine({
        ttftNs: ttftNs(outcome.firstTokenNs, outcome.sentNs),
        decodeNs: outcome.lastTokenNs - outcome.firstTokenNs,
        maxGapNs: outcome.maxGapNs,
        tokens: outcome.outputTokens,
      })
      out.write(`${paint.dim(`  ${line}`)}\n`)
    },
    note: (text) => out.write(`${paint.dim(text)}\n`),
    stopping: () => out.write('\nstopping …\n'),
  }
}
