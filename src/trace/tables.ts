import { defineTable } from './columns.ts'

/** How a request ended; `ok` is the only one that enters latency figures. */
export const STATUSES = [
  'ok',
  'http_error',
  'connect_error',
  'timeout',
  'reset',
  'truncated',
  'malformed',
  'cancelled',
  'interrupted',
  'not_sent',
  'empty',
] as const
export type Status = (typeof STATUSES)[number]

export const STAGES = ['prefill', 'decode', 'mixed'] as const
export const PHASES = ['warmup', 'measured', 'drain'] as const
/** Where a request's token counts come from, best first. */
export const TOKEN_SOURCES = ['usage', 'ids', 'tokenizer', 'chunks'] as const
export const CHUNK_KINDS = ['role', 'content', 'reasoning', 'tool', 'usage'] as const
export const LAYERS = ['client', 'request', 'engine', 'kernel', 'os', 'gpu', 'host'] as const
export type Layer = (typeof LAYERS)[number]

export const LINK_KINDS = ['request', 'chunk', 'slice', 'counter'] as const
export const CONFIDENCES = ['measured', 'inferred', 'modelled', 'unresolved'] as const

/** Tables of the run format, version 1. Order of columns is the order on disk; adding a column is a minor version. */
export const requests = defineTable('requests', 'one request offered', 'sent_ns', {
  request_id: ['u32', 'its index in the whole schedule, so that shards are disjoint'],
  server_request_id: ['text?', 'the id the server gave its answer'],
  shard: ['u16', 'the recording process'],
  source_run: ['text?', 'the run this row came from, after a merge'],
  prompt_id: ['text?', 'the id in the prompt file, else its row number'],
  session_id: ['text?', 'the conversation it belongs to'],
  turn: ['u32?', 'its turn in that conversation, from 0'],
  stage: ['code?', 'what the prompt is meant to stress', STAGES],
  size: ['f64?', 'the size its prompt row names'],
  requested_unit: ['text?', 'unit of `size`: tokens or words'],
  scheduled_ns: ['f64', 'when it was due'],
  connect_start_ns: ['f64?', 'NULL on a reused connection'],
  connected_ns: ['f64?', 'TCP (and TLS) established; NULL on a reused connection'],
  conn_reused: ['bool?', 'sent over a kept-alive connection'],
  sent_ns: ['f64?', 'last body byte handed to the socket'],
  headers_ns: ['f64?', 'response headers complete'],
  first_token_ns: ['f64?', 'first event that carries a token (content, reasoning or tool)'],
  last_token_ns: ['f64?', 'last event that carries a token'],
  end_ns: ['f64?', 'end of the answer or of the attempt'],
  max_gap_ns: ['f64?', 'longest gap between two token events'],
  status: ['code', 'how it ended', STATUSES],
  http_status: ['u16?', 'HTTP status, where an answer came'],
  error: ['text?', 'what went wrong, in a sentence'],
  finish_reason: ['text?', 'as the server sent it'],
  input_tokens: ['u32?', 'prompt tokens'],
  output_tokens: ['u32?', 'generated tokens'],
  cached_tokens: ['u32?', 'prompt tokens served from a prefix cache'],
  reasoning_tokens: ['u32?', 'reasoning tokens within output_tokens'],
  requested_tokens: ['u32?', 'the output limit sent to the server'],
  intended_input_tokens: ['u32?', 'what the plan or trace wanted'],
  intended_cached_tokens: ['u32?', 'what the plan or trace wanted'],
  phase: ['code', 'warm-up and drain stay out of the figures', PHASES],
  repeat: ['u32', 'which pass over the prompts, from 0'],
  attrs: ['text?', 'extra columns of the prompt row, JSON'],
  token_source: ['code?', 'where the counts come from', TOKEN_SOURCES],
  tx_bytes: ['f64?', 'bytes written to the socket, head and body'],
  rx_bytes: ['f64?', 'bytes read from the socket, head and body'],
  model: ['text?', 'model asked for'],
  endpoint: ['text?', 'path of the request'],
  profiled: ['bool', 'overlaps a profiler window'],
  held_ns: ['f64?', 'how long a ceiling on requests in flight held it back after it was due; NULL: it did not'],
  retries: ['u16?', 'attempts after the first, where a server that was full asked to come again'],
  local_port: ['u16?', "the client's port of its connection"],
  unread_events: ['u32?', 'events with text in a shape that is not known, or passed over as no completion; NULL: none'],
  note: ['text?', 'what was odd about an answer that was read all the same, in a sentence'],
})

export const chunks = defineTable('chunks', 'one streamed event', 't_ns', {
  request_id: ['u32', 'requests.request_id'],
  index: ['u32', 'event number within the answer, from 0'],
  t_ns: ['f64', 'when its bytes were handed to us'],
  late_ns: ['f64', 'the most that the stamp can be late: time since the last poll'],
  tokens: ['u32?', 'tokens in it, where the server says so; else NULL'],
  bytes: ['u32', 'bytes of the event on the wire, framing apart'],
  kind: ['code', 'what it carries', CHUNK_KINDS],
  coalesced: ['bool', 'several events of this request came in one read'],
})

export const texts = defineTable('texts', 'prompt and output, only when asked for', 'request_id', {
  request_id: ['u32', 'requests.request_id'],
  prompt: ['text?', 'the prompt, or the messages as JSON'],
  output: ['text?', 'the generated text, tool arguments in it'],
  reasoning: ['text?', 'the reasoning before it'],
  token_ids: ['text?', 'generated token ids, JSON array'],
})

export const tracks = defineTable('tracks', 'one line of the timeline', 'track_id', {
  track_id: ['u32', 'id within the run'],
  layer: ['code', 'which layer it shows', LAYERS],
  source_run: ['text?', 'the run it came from, after a merge'],
  host: ['text?', 'host name'],
  process: ['text?', 'pid and name'],
  process_start_ns: ['f64?', 'start of that process'],
  thread: ['text?', 'tid and name'],
  device: ['text?', 'GPU, disk, interface'],
  name: ['text', 'what is measured, snake_case'],
  unit: ['text?', 'ns, bytes, W, ratio, 1, …'],
  clock: ['text', 'the clock its times were read from; `run` is the run clock'],
  attrs: ['text?', 'field read, window, update period, source; JSON'],
})

export const slices = defineTable('slices', 'something that lasted', 't_ns', {
  slice_id: ['u32', 'id within the run'],
  track_id: ['u32', 'tracks.track_id'],
  t_ns: ['f64', 'start'],
  dur_ns: ['f64', 'duration'],
  name_id: ['u32', 'strings.id'],
  category: ['text?', 'kernel, cpu_op, gap, gc, …'],
  step_id: ['u32?', 'slice_id of the engine step it belongs to'],
  request_id: ['u32?', 'requests.request_id'],
  correlation: ['f64?', 'launch to kernel'],
  stream: ['u32?', 'GPU stream'],
  external_id: ['f64?', 'operator to launch'],
  tokens: ['u32?', 'tokens in it'],
  bytes: ['f64?', 'bytes moved'],
  bandwidth_gbps: ['f64?', 'of a copy or fill, as its profiler reports it; 10^9 bytes/s'],
  args: ['text?', 'JSON, only on request'],
})

export const strings = defineTable('strings', 'names and stacks, once each', 'id', {
  id: ['u32', 'id within the run'],
  text: ['text', 'the text'],
})

export const counters = defineTable('counters', 'a sampled value', 't_ns', {
  track_id: ['u32', 'tracks.track_id'],
  t_ns: ['f64', 'when it was sampled'],
  value: ['f64?', 'NULL where the source reported that it had none'],
})

export const links = defineTable('links', 'why two things belong together', 'src_id', {
  src_kind: ['code', 'what src_id names', LINK_KINDS],
  src_id: ['u32', 'id within its table'],
  src_index: ['u32?', 'chunks.index where src_kind is chunk'],
  dst_kind: ['code', 'what dst_id names', LINK_KINDS],
  dst_id: ['u32', 'id within its table'],
  kind: ['text', 'what the link says'],
  share: ['f64', 'share of the source that goes to the destination'],
  confidence: ['code', 'how it is known', CONFIDENCES],
})

export const clocks = defineTable('clocks', "a clock's alignment, again and again", 't_ns', {
  clock: ['text', 'which clock'],
  t_ns: ['f64', 'when it was measured'],
  offset_ns: ['f64', 'that clock minus the run clock, less its integer base in run.json'],
  uncertainty_ns: ['f64', 'half width of the bracket'],
  rtt_ns: ['f64?', 'round trip of the probe'],
  method: ['text', 'how it was measured'],
})

export const mips = defineTable('mips', 'pre-aggregated for zooming; can be rebuilt', 'bin', {
  track_id: ['u32', 'tracks.track_id'],
  level: ['u8', 'bin width is 2^level us'],
  bin: ['f64', 'bin number: floor(t_ns / width)'],
  n: ['u32', 'slices that start in the bin, or samples in it'],
  busy_ns: ['f64?', 'time covered by slices'],
  top_name_id: ['u32?', 'the name with most time; strings.id'],
  min: ['f64?', 'smallest sample'],
  max: ['f64?', 'largest sample'],
})

/** What `ops.count` counts. */
export const COUNTED = ['calls', 'graph_nodes'] as const

export const ops = defineTable(
  'ops',
  'an operator with inputs of some shapes, summed by a source that kept no times',
  'op_id',
  {
    op_id: ['u32', 'id within the run'],
    source_run: ['text?', 'the run it came from, after a merge'],
    source: ['text', 'the file it was read from, below what was imported'],
    model: ['text?', 'the model that was traced'],
    framework: ['text?', 'what ran the model'],
    mode: ['text?', 'eval or train'],
    device: ['text?', 'where it ran'],
    tracer: ['text?', 'what summed it'],
    name: ['text', 'the operator, as the source names it'],
    op: ['text', 'the operator without overload, as PyTorch names it: `aten::mm`'],
    shapes: ['text?', 'its inputs, as the source writes them'],
    counted: ['code', 'what `count` counts: calls that were made, or nodes of compiled graphs', COUNTED],
    count: ['f64?', 'how many'],
    cpu_ns: ['f64?', 'CPU time of all of them, with the operators that they call'],
    self_cpu_ns: ['f64?', 'CPU time of all of them, without those'],
    device_ns: [
      'f64?',
      'time on a device of what they launched, with the operators that they call: not to be added up over operators',
    ],
    self_device_ns: ['f64?', 'time on a device of what they launched themselves; NULL where the source does not say'],
    stack: ['text?', 'where it was called from, innermost first; only on request'],
  },
)

export const op_kernels = defineTable('op_kernels', 'a kernel, summed over the calls of an operator', 'name', {
  op_id: ['u32?', 'ops.op_id; NULL where the source names no operator'],
  source_run: ['text?', 'the run it came from, after a merge'],
  source: ['text', 'as in ops'],
  model: ['text?', 'as in ops'],
  name: ['text', 'the kernel'],
  count: ['f64?', 'how often it ran; NULL: it was compiled and not counted'],
  total_ns: ['f64?', 'time of all its runs'],
  min_ns: ['f64?', 'of its shortest run'],
  max_ns: ['f64?', 'of its longest run'],
  config: ['text?', 'how it is launched, JSON, where a compiler reported it'],
})

/** Live only: written when a request is sent, so that an interrupted request still has its row. */
export const offers = defineTable('offers', 'a request handed to the client (live only)', 'scheduled_ns', {
  request_id: ['u32', 'requests.request_id'],
  shard: ['u16', 'the recording process'],
  prompt_id: ['text?', 'as in requests'],
  scheduled_ns: ['f64', 'as in requests'],
  sent_ns: ['f64', 'when it was handed to the client'],
  phase: ['code', 'as in requests', PHASES],
  repeat: ['u32', 'as in requests'],
})

/** Every table of a sealed run, in the order they are written. */
export const TABLES = {
  requests,
  chunks,
  texts,
  tracks,
  slices,
  strings,
  counters,
  links,
  clocks,
  mips,
  ops,
  op_kernels,
} as const
/** Every table a live store holds. */
export const LIVE_TABLES = { ...TABLES, offers } as const
export type TableName = keyof typeof TABLES
export type LiveTableName = keyof typeof LIVE_TABLES
