import type { Status } from '../../trace/tables.ts'
import type { WholeBody } from './http/whole-body.ts'
import { excerpt } from './stream/answer-error.ts'
import { readAnswer } from './stream/answer-event.ts'
import type { TokenStream } from './stream/token-stream.ts'

/** How a request ended, and why, in a sentence. */
export interface Ending {
  status: Status
  error: string | null
}

const OK: Ending = { status: 'ok', error: null }

/** An event stream whose body has ended; `unfinished` is the data of an event that was cut off. */
export function judgeStream(stream: TokenStream, unfinished: string | null, contentType: string): Ending {
  if (unfinished?.trim() === '[DONE]' || stream.done || stream.finishReason !== null) return OK
  if (stream.events > 0) {
    const error = `the stream ended after ${stream.events} events, without finish_reason or [DONE]`
    return { status: 'truncated', error }
  }
  const error = `the ${contentType} body ended without an event`
  return { status: unfinished === null ? 'malformed' : 'truncated', error }
}

/** A body that is no event stream: what it says goes into `stream`, where a whole answer was asked for. */
export function judgeWhole(whole: WholeBody, stream: TokenStream, streamed: boolean, contentType: string): Ending {
  const answer = readAnswer(whole.cut ? undefined : whole.json())
  if (answer !== null && answer.error !== null) return { status: 'http_error', error: answer.error }
  if (!streamed && answer?.hasChoices === true) {
    stream.takeWhole(answer)
    return OK
  }
  const start = whole.bytes === 0 ? 'an empty body' : `a body that starts with ${excerpt(whole.joined())}`
  const expected = streamed ? 'an event stream' : 'a completion as JSON'
  return { status: 'malformed', error: `expected ${expected}, got content-type ${contentType} and ${start}` }
}
