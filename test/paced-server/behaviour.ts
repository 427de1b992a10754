import { z } from 'zod'

const count = z.number().int().nonnegative()
const ms = z.number().nonnegative()

/**
 * What an answer does: pace, shape, format and faults. Taken, weakest first, from the server's defaults
 * (`PUT /paced`), the header `x-paced`, the query `?paced=`, and the field `paced` of the request's body; each
 * is a JSON object of some of these fields, and an unknown field is refused.
 */
export const behaviourSchema = z.strictObject({
  // The pace, counted from the moment the body's last byte was read.
  ttft_ms: ms.default(0),
  /** Between token events. */
  itl_ms: ms.default(0),
  /** Each event is early or late by up to half of this share of itl_ms, by a seeded draw. */
  jitter: z.number().min(0).max(1).default(0),
  seed: z.number().int().default(1),
  /**
   * Streamed answers at once; the others wait in line, first come first served, so that the server's capacity is known:
   * slots / (ttft_ms + (events - 1) * itl_ms). One that is aborted keeps its slot to its end. 0: no limit.
   */
  slots: count.default(0),
  /** As fast as the client reads, many events a write; only plain streams are fast. */
  unpaced: z.boolean().default(false),

  // What is sent.
  /** Tokens generated; null: max_tokens of the request. */
  tokens: count.nullable().default(null),
  tokens_per_event: count.min(1).default(1),
  /** Events that leave in one write, when the last of them is due; 0: 1 if paced, 64 if not. */
  events_per_write: count.default(0),
  /** null: counted as /tokenize does. */
  prompt_tokens: count.nullable().default(null),
  cached_tokens: count.default(0),
  /** Chat's role-only chunk: just before the first token, or as soon as the headers are out. */
  role: z.enum(['with_first', 'at_once', 'none']).default('with_first'),
  /** Events with an empty text before the first token, as soon as the headers are out. */
  empty_events: count.default(0),
  /** How many of the tokens are reasoning, from the first (chat). */
  reasoning_tokens: count.default(0),
  reasoning_field: z.enum(['reasoning_content', 'reasoning']).default('reasoning_content'),
  /** How many of the tokens are a tool call's arguments, from the last (chat). */
  tool_tokens: count.default(0),
  /** null: `length` where max_tokens was reached, else `stop`; `tool_calls` after a tool call. */
  finish_reason: z.string().nullable().default(null),
  finish: z.enum(['with_last', 'own_event', 'never']).default('with_last'),
  usage: z.enum(['as_asked', 'never', 'last', 'continuous']).default('as_asked'),
  token_ids: z.enum(['as_asked', 'never', 'always']).default('as_asked'),
  done: z.boolean().default(true),
  text: z.enum(['ascii', 'utf8']).default('ascii'),
  /** The first token's text has this many bytes. */
  huge_event_bytes: count.default(0),

  // How events are written.
  eol: z.enum(['lf', 'crlf', 'cr']).default('lf'),
  multiline: z.boolean().default(false),
  /** `data:{` instead of `data: {`. */
  tight: z.boolean().default(false),
  bom: z.boolean().default(false),
  comments: z.boolean().default(false),
  /** `: ping` whenever this long has passed without an event; 0: never. */
  ping_ms: ms.default(0),
  /** `event:`, `id:` and `retry:` lines beside `data:`. */
  fields: z.boolean().default(false),

  // How HTTP carries them.
  framing: z.enum(['chunked', 'close', 'content_length']).default('chunked'),
  /** Cuts the body into HTTP chunks of this size, wherever events end; 0: a chunk an event. */
  chunk_bytes: count.default(0),
  chunk_extension: z.boolean().default(false),
  gzip: z.boolean().default(false),
  trailers: z.boolean().default(false),
  /** Writes this many bytes at a time, each on a tick of its own; 0: whole. */
  split: count.default(0),
  /** Before the status line. */
  headers_ms: ms.default(0),
  /** Between two lines of the head. */
  slow_headers_ms: ms.default(0),
  /** Bytes of needless headers. */
  header_flood_bytes: count.default(0),
  /** `100 Continue` and `103 Early Hints` before the head, asked for or not. */
  informational: z.boolean().default(false),
  /** Closes the connection after the answer: saying so in the head, or silently, this long after it. */
  close: z.enum(['no', 'said', 'silent']).default('no'),
  close_after_ms: ms.default(0),
  /** Pauses after each read of body bytes; not from the body itself, of course. */
  read_pause_ms: ms.default(0),

  // Refusals: answered instead of a completion.
  status: z.number().int().min(200).max(599).default(200),
  message: z.string().nullable().default(null),
  retry_after: z.string().nullable().default(null),
  page: z.enum(['openai', 'html', 'empty']).default('openai'),
  /** 307 to this place. */
  redirect: z.string().nullable().default(null),

  // Faults.
  fault: z
    .enum(['none', 'rst', 'fin', 'stall', 'error_event', 'bad_json', 'bad_chunk', 'stall_head', 'rst_head', 'fin_head'])
    .default('none'),
  /** Token events before the fault. */
  fault_after: count.default(1),
  /**
   * Between the event before it and a reset or an end: libuv reports a reset that comes with data, in one poll, as
   * an ordinary end.
   */
  fault_ms: ms.default(50),
  /** A stall ends after this; null: never. */
  stall_ms: ms.nullable().default(null),
})

export type Behaviour = z.output<typeof behaviourSchema>
export type PartialBehaviour = z.input<typeof behaviourSchema>

/** The layers merged, weakest first; throws a ZodError that names the wrong field. */
export function mergeBehaviour(...layers: unknown[]): Behaviour {
  return behaviourSchema.parse(Object.assign({}, ...layers))
}
