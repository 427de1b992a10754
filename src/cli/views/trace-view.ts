import { printable, withoutControls } from '../../dashboard/text/text.ts'
import type { Draft } from '../../session/offer.ts'
import type { RequestRunView } from '../../session/request-run.ts'
import type { RequestOutcome } from '../../sources/requests/client.ts'
import { type LiveView, STOPPING } from './live-view.ts'
import { progressLine } from './progress-line.ts'

export interface TraceView extends RequestRunView {
  readonly succeeded: number
  notes(texts: readonly string[], insecure: boolean): void
  done(): void
  where(folder: string): void
}

/** One line per request, as `id=0 size=64 lat=0.753s len=7` (len in tokens), and progress with an ETA on a terminal. */
export function traceView(options: {
  total: number
  quiet: boolean
  json: boolean
  live: LiveView | null
  /** What the requests are of, now. */
  what?: () => string
}): TraceView {
  const { live } = options
  // What is watched another way needs no lines.
  const watched = live?.drawn === true
  const progress = progressLine(process.stderr, options.quiet || watched)
  // With --json, standard output holds the report alone.
  const out = options.json ? process.stderr : process.stdout
  let ended = 0
  let succeeded = 0
  const say = (text: string) => progress.above(() => process.stderr.write(`${withoutControls(text)}\n`))
  const show = () => progress.show(options.what?.() ?? 'requests', ended / options.total, `${ended}/${options.total}`)
  return {
    get succeeded() {
      return succeeded
    },
    notes(texts, insecure) {
      if (insecure) say('layerline: --insecure: the server certificate is not checked')
      if (!options.quiet) for (const text of texts) say(text)
    },
    ...(live === null ? {} : { live: live.live }),
    running(probe) {
      live?.running(probe)
      if (!watched) show()
    },
    note(text) {
      if (watched) live.note(text)
      else if (!options.quiet) say(text)
    },
    ended(draft, outcome, scheduledNs) {
      ended++
      if (outcome.status === 'ok') succeeded++
      live?.ended(draft, outcome, scheduledNs)
      if (watched) return
      if (!options.quiet) progress.above(() => out.write(`${printable(requestLine(draft, outcome))}\n`))
      show()
    },
    stopping(stage) {
      if (watched) live.stopping(stage)
      else say(STOPPING[stage])
    },
    sealing(sealed) {
      live?.sealing(sealed)
      progress.show(`sealing ${sealed.table}`, sealed.done / sealed.total)
    },
    analysing: () => progress.show('analysing', null),
    done() {
      live?.close()
      progress.clear()
    },
    where(folder) {
      if (!options.quiet) process.stderr.write(`\nrun: ${folder}\n`)
      else if (!options.json) process.stdout.write(`${folder}\n`)
    },
  }
}

function requestLine(draft: Draft, outcome: RequestOutcome): string {
  const latency = ((outcome.endNs - outcome.handedNs) / 1e9).toFixed(3)
  const head = `id=${draft.promptId}${draft.size === null || draft.size === undefined ? '' : ` size=${draft.size}`} lat=${latency}s`
  const marks = draft.phase === 'warmup' ? ' (warm-up)' : ''
  return outcome.status === 'ok'
    ? `${head} len=${outcome.outputTokens ?? '?'}${marks}`
    : `${head} ${outcome.status}: ${outcome.error ?? 'no reason given'}${marks}`
}
