import { z } from 'zod'
import { PHASES, STATUSES, TOKEN_SOURCES } from '../../trace/tables.ts'
import { rate } from './distribution.ts'
import { verdictLine } from './verdict.ts'

const status = z.enum(STATUSES)

export const runSummary = z.object({
  run_id: z.string(),
  state: z.enum(['recording', 'interrupted', 'sealed']),
  command: z.string(),
  layerline: z.string(),
  started: z.string(),
  ended: z.string().nullable(),
  seed: z.number(),
  ended_by: z
    .enum(['done', 'signal', 'failure', 'crash'])
    .nullable()
    .describe('What brought the run to its end; null while it is recorded.'),
  planned_requests: z.number().nullable().describe('Requests of the whole schedule, warm-up too.'),
  plan: z
    .object({
      schedule: z
        .record(z.string(), z.unknown())
        .nullable()
        .describe('Where the arrivals are from, and what was chosen of them; as their reader tells it.'),
      prompts: z.record(z.string(), z.unknown()).nullable(),
      counts: z.record(z.string(), z.number()).describe('Rows skipped or changed as the schedule was read, by reason.'),
      speedup: z.number().nullable(),
      max_in_flight: z.number().nullable(),
      pacing: z
        .enum(['thread', 'precise'])
        .nullable()
        .describe('How requests were brought to their time: a thread that sleeps, or a loop that spins.'),
      pacing_cpu_s: z.number().nullable().describe('CPU time that the pacing itself took, s.'),
      dependency: z.enum(['schedule', 'causal']).nullable(),
      retries: z.number(),
      workers: z.number(),
      workers_lost: z.number().describe('Workers that died before they were done.'),
      resumed_from: z.string().nullable().describe('The run that this one resumes, and the id of its first request.'),
      first_request: z.number(),
      offered_before: z.array(z.number()).describe('Ids behind that one which the runs before had offered already.'),
    })
    .nullable()
    .describe('What was offered, of a schedule or synthetic load.'),
  loop: z
    .enum(['open', 'closed'])
    .nullable()
    .describe('In a closed loop the answers set the pace: there is no schedule.'),
  url: z.string().nullable(),
  server: z.string().nullable(),
  model: z.string().nullable(),
  same_host: z.boolean().nullable().describe("The server ran on the client's host; null: not known."),
  insecure: z.boolean().describe('TLS certificates were not checked.'),
  store: z
    .object({
      max_uncommitted_bytes: z
        .number()
        .describe(
          'Rows that are written and not committed hold at most so much; past it those of the large tables are dropped and counted.',
        ),
      longest_uncommitted_ms: z
        .number()
        .nullable()
        .describe('The longest that a row waited for its commit; null until the run has ended by itself.'),
    })
    .nullable()
    .describe('How much a kill could have cost; null where the run was not recorded, or by an older version.'),
  hosts: z.array(
    z.object({
      name: z.string(),
      cpu: z.string().nullable(),
      cores: z.number(),
      memory_bytes: z.number(),
      cgroup_cpu_cores: z.number().nullable(),
    }),
  ),
  layers: z
    .record(
      z.string(),
      z.object({
        rows: z.number(),
        dropped: z.number(),
        lost: z.number(),
      }),
    )
    .describe('Rows kept, dropped by a full queue, lost by the source, per table.'),
  imported: z
    .object({
      format: z.string().nullable(),
      notes: z.array(verdictLine),
    })
    .nullable()
    .describe(
      'Of a run that was made from a file: its format, and what was skipped or assumed on the way; null for one that was recorded.',
    ),
})

export const offered = z.object({
  by_status: z.array(
    z.object({
      status,
      phase: z.enum(PHASES),
      requests: z.number(),
    }),
  ),
  requests: z.number().describe('Of the measured phase; `ok` of them enter the latency figures.'),
  ok: z.number(),
  warmup: z.number(),
  profiled: z
    .number()
    .describe("Measured requests that were under way while the server's profiler ran or wrote: not in the latencies."),
  span_s: z
    .number()
    .nullable()
    .describe('From the first moment a measured request was due or begun to the end of the last.'),
  offered_per_s: z
    .number()
    .nullable()
    .describe(
      'Requests a second that the schedule asked for; null under 2 requests, and in a closed loop, which has none.',
    ),
  achieved_per_s: z.number().nullable().describe('Requests a second that ended ok, over the span.'),
  held: z
    .object({
      requests: z.number(),
      max_ms: z.number().nullable(),
    })
    .describe('Requests that a ceiling on requests in flight held back, and for how long at most.'),
  retries: z.number().describe('Attempts after the first, where the server was full.'),
  refused_busy: z.number().describe('Requests that a full server refused in the end: 429, 503.'),
  tail_s: z
    .number()
    .nullable()
    .describe('From the last moment a measured request was due to the end of the last answer, s.'),
  concurrency: z
    .object({
      mean: z.number(),
      max: z.number(),
      share_at_max: z.number(),
      share_idle: z.number(),
    })
    .nullable(),
  by_repeat: z.array(
    z.object({
      repeat: z.number(),
      requests: z.number(),
      ok: z.number(),
      ttft_median_ms: z.number().nullable(),
      e2e_median_ms: z.number().nullable(),
    }),
  ),
})

export const failureKind = z.object({
  status,
  http_status: z.number().nullable(),
  error: z.string().nullable().describe("The error's text with every number as `N`."),
  example: z.string().nullable().describe('The text of the first of them as it was.'),
  requests: z.number(),
  first_at_s: z.number().nullable(),
  request_id: z.number(),
})

export const failures = z.object({
  requests: z.number(),
  kinds: z.array(failureKind),
  more_kinds: z.number().describe('Kinds beyond those listed.'),
})

export const streamFacts = z.object({
  events: z.number().describe('Events that carry tokens.'),
  coalesced_share: z.number().nullable(),
  late_p99_ms: z.number().nullable().describe("How late an event's stamp can be."),
  late_max_ms: z.number().nullable(),
  counted_twice: z
    .number()
    .describe('Requests whose tokens are counted both by event and by usage, and those where the two differ.'),
  counts_differ: z.number(),
  drift_ratio: z.number().nullable().describe('Sum of the event counts over the sum of the usage counts, minus 1.'),
  buffered_share: z
    .number()
    .nullable()
    .describe('Of requests of at least 8 events: those whose events all came in one instant.'),
  burst_share: z
    .number()
    .nullable()
    .describe(
      'Of the same requests: gaps within one read, of all gaps; events a read, and the time from read to read, medians of requests.',
    ),
  burst_events: z.number().nullable(),
  burst_every_ms: z.number().nullable(),
  burst_late_ms: z
    .number()
    .nullable()
    .describe('How late half of the events within one read can be at least, if the latest events are those.'),
})

export const answerFacts = z.object({
  empty: z.number().describe('Ended as they should, and without a token.'),
  errors_under_200: z.number().describe('Errors within a stream or a body under HTTP 200.'),
  unread_requests: z
    .number()
    .describe('With text in a shape that is not known, or with events that were passed over; how many events.'),
  unread_events: z.number(),
  unread_note: z.string().nullable().describe('What was odd about the first of them.'),
  not_ended: z.number().describe('Complete, though neither [DONE] nor the end of the body came.'),
})

export const tokens = z.object({
  by_source: z.array(
    z.object({
      requests: z.number(),
      input_tokens: z.number().nullable(),
      output_tokens: z.number().nullable(),
      cached_tokens: z.number().nullable(),
      reasoning_tokens: z.number().nullable(),
      token_source: z.enum(TOKEN_SOURCES).nullable(),
    }),
  ),
  cached_share: z.number().nullable().describe('Cached share of the input, of those requests of which it is known.'),
  cached_by: z
    .enum(['engine', 'usage', 'step_log'])
    .nullable()
    .describe(
      "How it is known: the server's usage, else the step log, else the engine's counters, which count other requests too.",
    ),
  cached_known: z.number().describe('Requests whose server reported it.'),
  intended_cached_share: z
    .number()
    .nullable()
    .describe('What the plan wanted cached, of the same input; null where no plan says.'),
  output_per_s: rate.nullable(),
  total_per_s: rate.nullable(),
  requests: z.number(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  cached_tokens: z.number().nullable(),
  reasoning_tokens: z.number().nullable(),
})

export const sizeThroughput = z.object({
  size: z
    .number()
    .nullable()
    .describe('The size the prompt rows name; from this size to `size_to` where there are many sizes.'),
  size_to: z.number().nullable(),
  requests: z.number(),
  prefill_n: z.number().describe("Over TTFT: the wait in the server's queue is part of it."),
  prefill_median_tokens_per_s: z.number().nullable(),
  prefill_steps_n: z
    .number()
    .describe("From a request's first step to its first token, without that wait; null without the engine's step log."),
  prefill_steps_median_tokens_per_s: z.number().nullable(),
  decode_n: z.number(),
  decode_median_tokens_per_s: z.number().nullable(),
})

export const timeShares = z.object({
  total_s: z.number(),
  connect: z.number(),
  first_token: z.number(),
  decode: z.number(),
  stalls: z.number(),
  tail: z.number(),
  failed: z.number(),
  idle: z.number(),
  stall_ms: z.number().nullable().describe('A gap longer than this is a stall; null where there are no gaps.'),
})

export const requestLine = z.object({
  request_id: z.number(),
  prompt_id: z.string().nullable(),
  size: z.number().nullable(),
  repeat: z.number(),
  status,
  e2e_ms: z.number().nullable(),
  ttft_ms: z.number().nullable(),
  input_tokens: z.number().nullable(),
  output_tokens: z.number().nullable(),
  output_tokens_per_s: z.number().nullable(),
  gaps_ms: z
    .array(z.number())
    .describe('The longest gap in each stretch of the answer, ms, from its first gap to its last.'),
})
