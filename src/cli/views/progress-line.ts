import type { WriteStream } from 'node:tty'
import { printable } from '../../dashboard/text/text.ts'

export interface ProgressLine {
  /** What goes on, the share done (0 to 1, or null where it cannot be known), and more text behind. */
  show(what: string, share: number | null, more?: string): void
  clear(): void
}

const WIDTH = 24
const REDRAW_MS = 100

/** One line that redraws itself on a terminal, with an ETA; elsewhere, and when quiet, it says nothing. */
export function progressLine(out: WriteStream, quiet: boolean): ProgressLine {
  if (quiet || !out.isTTY) return { show() {}, clear() {} }
  // What is shown now, since when, and how much of it was done by then: an ETA goes by its own pace.
  let phase = { what: '', sinceMs: 0, from: 0 }
  let drawn = Number.NEGATIVE_INFINITY
  return {
    show(what, share, more = '') {
      const now = performance.now()
      if (what !== phase.what) phase = { what, sinceMs: now, from: share ?? 0 }
      if (now - drawn < REDRAW_MS && share !== 1) return
      drawn = now
      const text =
        share === null
          ? `${what} ${more}`
          : `${bar(share)} ${what} ${more}${eta(share, phase.from, now - phase.sinceMs)}`
      out.write(`\r\x1b[2K${printable(text).slice(0, (out.columns ?? 80) - 1)}`)
    },
    clear() {
      if (drawn > 0) out.write('\r\x1b[2K')
    },
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)}%`
}

function eta(share: number, from: number, elapsedMs: number): string {
  // Of the first moments nothing can be told.
  const done = share - from
  if (done < 0.02 || share >= 1 || elapsedMs < 500) return ''
  const seconds = Math.ceil((elapsedMs * (1 - share)) / done / 1000)
  return ` · ${seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`} left`
}
