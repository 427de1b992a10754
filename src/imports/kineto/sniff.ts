import { listStart } from './read-trace.ts'
import { openBytes } from './scan/byte-source.ts'

/** If the list has not started by then, the file is not a trace: heads with many process groups reach megabytes. */
const HEAD_BYTES = 16 << 20
const FIRST_BYTES = 1 << 16

/** Whether a file, unpacked, begins like JSON. */
export async function isJson(path: string): Promise<boolean> {
  return (await startOf(path, () => true)) !== null
}

/** Whether a file is a trace: an object with a list of events, or such a list alone. */
export async function isTrace(path: string): Promise<boolean> {
  return (await startOf(path, looksLikeTrace)) === true
}

/** What `judge` says of the file's beginning, more and more of it until it says something; null if it is not JSON. */
async function startOf(path: string, judge: (head: Buffer) => boolean | null): Promise<boolean | null> {
  const source = await openBytes(path)
  try {
    let head = Buffer.alloc(FIRST_BYTES)
    let length = 0
    for (;;) {
      const read = await source.read(head, length)
      length += read
      const known = head.subarray(0, length)
      if (length > 0 && !/^(\uFEFF|\s)*([{[]|$)/.test(known.toString('utf8', 0, 256))) return null
      if (read === 0) return length === 0 ? null : (judge(known) ?? false)
      if (length < head.length) continue
      const judged = judge(known)
      if (judged !== null || length >= HEAD_BYTES) return judged ?? false
      head = Buffer.concat([head, Buffer.alloc(head.length)])
    }
  } finally {
    source.close()
  }
}

function looksLikeTrace(head: Buffer): boolean | null {
  const start = listStart(head)
  if (start < 0) return null
  return head.includes('"traceEvents"') || /"ph"\s*:/.test(head.toString('utf8', start, start + 4096))
}
