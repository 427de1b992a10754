import type { ByteSource } from './scan/byte-source.ts'
import type { EventScanner } from './scan/event-scanner.ts'
import { type TraceFacts, traceFacts } from './trace-facts.ts'

const FIRST_BYTES = 4 << 20
/** A longer event, or head, is not read. */
const MAX_BYTES = 64 << 20
const TAIL_BYTES = 1 << 20
/** After the data: a quote that stops every loop, and zeros. */
const PAD = 64
const QUOTE = 0x22

/** Where the list of events begins: behind its bracket; -1 if it is not there yet, or ever. */
export function listStart(head: Buffer): number {
  const at = head.indexOf('"traceEvents"')
  if (at >= 0) {
    const open = head.indexOf('[', at)
    return open < 0 ? -1 : open + 1
  }
  // A list alone is a trace, too.
  const bare = /^[\uFEFF\s]*\[/.exec(head.toString('utf8', 0, 256))
  return bare === null ? -1 : Buffer.byteLength(bare[0])
}

/**
 * Reads a whole trace through a scanner, a piece at a time; `between` is called between pieces, and may wait. Returns
 * what the file says beside the events; null where it is no trace.
 */
export async function readTrace(
  source: ByteSource,
  scanner: EventScanner,
  between: () => Promise<void>,
): Promise<TraceFacts | null> {
  let buf = Buffer.allocUnsafe(FIRST_BYTES)
  let from = 0
  let end = 0
  let over = false
  const fill = async () => {
    const wanted = Math.min(end + (1 << 20), buf.length - PAD)
    while (end < wanted) {
      const bytes = await source.read(buf.subarray(0, buf.length - PAD), end)
      if (bytes === 0) {
        over = true
        break
      }
      end += bytes
    }
    buf.fill(0, end, end + PAD)
    buf[end] = QUOTE
  }
  const grow = () => {
    const larger = Buffer.allocUnsafe(Math.min(buf.length * 2, MAX_BYTES + PAD))
    buf.copy(larger, 0, 0, end)
    buf = larger
  }

  await fill()
  let start = listStart(buf.subarray(0, end))
  while (start < 0 && !over && end < MAX_BYTES) {
    if (buf.length - PAD - end < 1 << 20) grow()
    await fill()
    start = listStart(buf.subarray(0, end))
  }
  if (start < 0) return null
  const head = buf.toString('utf8', 0, start)
  from = start
  for (;;) {
    from = scanner.scan(buf, from, end, over)
    if (scanner.ended || over) break
    await between()
    if (from === 0 && end >= buf.length - PAD) {
      if (buf.length < MAX_BYTES) grow()
      else {
        scanner.skipEvent()
        from = end
      }
    }
    buf.copyWithin(0, from, end)
    end -= from
    from = 0
    await fill()
  }
  if (!scanner.ended) {
    const { counts } = scanner.rows
    // Nothing but the bracket is missing, which a bare list may do without.
    counts.open = !counts.cut && source.damage === null && !head.includes('"traceEvents"')
    counts.cut = !counts.open
  }
  scanner.finish()
  let tail = buf.toString('utf8', from, end)
  while (!over && tail.length < TAIL_BYTES) {
    end = 0
    await fill()
    tail += buf.toString('utf8', 0, end)
  }
  return traceFacts(`${head}\n${tail}`)
}
