import type { Status } from '../../trace/tables.ts'
import type { WholeBody } from './http/whole-body.ts'
import { excerpt, shortened } from './stream/answer-error.ts'
import { readAnswer } from './stream/answer-event.ts'
import type { TokenStream } from './stream/token-stream.ts'

/** How a request ended, and why, in a sentence. */
export interface Ending {
  status: Status
  error: string | null
}

const OK: Ending = { status: 'ok', error: null }

/** The parts of the request that decide how its answer ended. */
export interface Asked {
  stream: boolean
  maxTokens: number | null
}

/** An answer that came to its end: `empty` where it holds no token, unless none was asked for. */
export function judgeEnded(stream: TokenStream, asked: Asked): Ending {
  if (stream.hasTokens || asked.maxTokens === 0) return OK
  const reason = stream.finishReason === null ? '' : ` (finish_reason ${stream.finishReason})`
  const what = stream.hasChoices ? 'the answer ended without a token' : 'the answer ended without a choice'
  return { status: 'empty', error: `${what}${reason}` }
}

/** An event stream whose body has ended; `cut`: within an event. */
export function judgeStream(stream: TokenStream, cut: boolean, contentType: string, asked: Asked): Ending {
  if (stream.done || stream.finishReason !== null) return judgeEnded(stream, asked)
  if (stream.events > 0 && !cut && !stream.hasChoices && stream.unread === 0) return judgeEnded(stream, asked)
  if (stream.events > 0) {
    const error = `the stream ended after ${stream.events} events, without finish_reason or [DONE]`
    return { status: 'truncated', error }
  }
  return { status: cut ? 'truncated' : 'malformed', error: `the ${contentType} body ended without an event` }
}

/** A body that is no event stream: what it says goes into `stream`, where a whole answer was asked for. */
export function judgeWhole(whole: WholeBody, stream: TokenStream, contentType: string, asked: Asked): Ending {
  const answer = readAnswer(whole.cut ? undefined : whole.json())
  if (answer !== null && answer.error !== null) return { status: 'http_error', error: shortened(answer.error) }
  if (!asked.stream && answer?.hasChoices === true) {
    stream.takeWhole(answer)
    return judgeEnded(stream, asked)
  }
  const start = whole.bytes === 0 ? 'an empty body' : `a body that starts with ${excerpt(whole.joined())}`
  const expected = asked.stream ? 'an event stream' : 'a completion as JSON'
  return { status: 'malformed', error: `expected ${expected}, got content-type ${contentType} and ${start}` }
}
