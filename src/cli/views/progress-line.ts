import type { WriteStream } from 'node:tty'
import { printable } from '../../dashboard/text/text.ts'

export interface ProgressLine {
  /** What is in progress, the share done (0 to 1, or null if unknown), and more text after it. */
  show(what: string, share: number | null, more?: string): void
  /** Writes a line of text above the progress. */
  above(write: () => void): void
  clear(): void
}

const WIDTH = 24
const REDRAW_MS = 100
/** An unchanged line is drawn again this often, so that its time is seen to run. */
const TICK_MS = 1000

/** One line that redraws itself on a terminal, with an ETA, or the time that it has taken; elsewhere, and when quiet, it says nothing. `clear` ends it. */
export function progressLine(out: WriteStream, quiet: boolean): ProgressLine {
  if (quiet || !out.isTTY) return { show() {}, above: (write) => write(), clear() {} }
  // What is shown now, since when, and how much of it was done by then: an ETA goes by its own pace.
  let phase = { what: '', sinceMs: 0, from: 0 }
  let now: { share: number | null; more: string } | null = null
  let drawn = Number.NEGATIVE_INFINITY
  let visible = false
  let timer: NodeJS.Timeout | undefined
  const draw = () => {
    if (now === null) return
    drawn = performance.now()
    visible = true
    const { share, more } = now
    const elapsedMs = drawn - phase.sinceMs
    const text = [
      ...(share === null ? [] : [bar(share)]),
      phase.what,
      more,
      (share === null ? '' : eta(share, phase.from, elapsedMs)) || (share === 1 ? '' : taken(elapsedMs)),
    ]
    const line = printable(text.filter((part) => part !== '').join(' '))
    out.write(`\r\x1b[2K${line.slice(0, (out.columns ?? 80) - 1)}`)
  }
  const erase = () => {
    if (visible) out.write('\r\x1b[2K')
    visible = false
  }
  return {
    show(what, share, more = '') {
      const atMs = performance.now()
      const same = what === phase.what && now !== null
      if (!same) phase = { what, sinceMs: atMs, from: share ?? 0 }
      now = { share, more }
      if (timer === undefined) {
        timer = setInterval(draw, TICK_MS)
        timer.unref()
      }
      if (atMs - drawn >= REDRAW_MS || share === 1 || !same) draw()
    },
    above(write) {
      erase()
      write()
      draw()
    },
    clear() {
      clearInterval(timer)
      timer = undefined
      now = null
      erase()
    },
  }
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * WIDTH)
  return `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${String(Math.floor(share * 100)).padStart(3)}%`
}

/** Since when nothing new has begun; nothing of the first two seconds. */
function taken(elapsedMs: number): string {
  return elapsedMs < 2000 ? '' : `· ${clock(Math.floor(elapsedMs / 1000))}`
}

function eta(share: number, from: number, elapsedMs: number): string {
  // The first moments are too short for an estimate.
  const done = share - from
  if (done < 0.02 || share >= 1 || elapsedMs < 500) return ''
  return `· ${clock(Math.max(1, Math.ceil((elapsedMs * (1 - share)) / done / 1000)))} left`
}

function clock(seconds: number): string {
  return seconds >= 60 ? `${Math.floor(seconds / 60)} min ${seconds % 60} s` : `${seconds} s`
}
