import type { Status } from '../../../trace/tables.ts'

/** Ends the reading of one answer: how the request ended, and why, in a sentence. */
export class AnswerError extends Error {
  readonly status: Status

  constructor(status: Status, message: string) {
    super(message)
    this.name = 'AnswerError'
    this.status = status
  }
}

const MOST_SHOWN = 300

/** The length of a server's message in a sentence. */
export function shortened(words: string): string {
  return words.length > MOST_SHOWN ? `${words.slice(0, MOST_SHOWN)}…` : words
}

/** A few bytes of what came, made printable, for a sentence. */
export function excerpt(bytes: Uint8Array, start = 0, end = bytes.length, length = 80): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, 4 * length)).toString('utf8')
  return JSON.stringify(text.length > length ? `${text.slice(0, length)}…` : text)
}
