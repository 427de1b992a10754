import { z } from 'zod'

export const backlog = z.object({
  state: z
    .enum(['kept_up', 'overloaded', 'undecided', 'saturated'])
    .describe(
      'Of a closed loop `saturated` stands for `overloaded`: more users would wait longer and get no more answers.',
    ),
  loop: z.enum(['open', 'closed']),
  ready_per_s: z
    .number()
    .nullable()
    .describe('Requests a second that were ready to be sent, over the offering; null in a closed loop.'),
  offering_s: z.number(),
  sustained_per_s: z
    .object({
      value: z.number(),
      low: z.number(),
      high: z.number(),
    })
    .nullable()
    .describe(
      'Answers a second that the server sustained, with a 95 % interval: while it was behind; null where it never was.',
    ),
  since_s: z
    .number()
    .nullable()
    .describe(
      'Since when it was behind, s since the first request was ready; null where it was not, and in a closed loop.',
    ),
  backlog: z.number().nullable().describe('Requests behind at the end of the offering; null in a closed loop.'),
  grown_share: z
    .number()
    .nullable()
    .describe(
      'The share of what was offered that added to the backlog, of the window in which it was the most; null in a closed loop.',
    ),
  usual_backlog: z
    .number()
    .nullable()
    .describe('The longest queue that a server at 80 % of its capacity would show, but for once in a hundred.'),
  drain_s: z
    .number()
    .nullable()
    .describe('From the end of the offering until the last had left, less what an answer takes, s.'),
  unqueued_s: z.number().nullable().describe('What an answer takes when nothing queues, s.'),
  ttft_ms: z
    .object({
      first: z.number().nullable(),
      last: z.number().nullable(),
    })
    .describe('Median TTFT from when a request was ready: of the first and the last tenth of the offering.'),
  waiting_share: z
    .number()
    .nullable()
    .describe(
      "The least share of the requests' time after sending that was waiting: TTFT beyond that of a prompt as long that did not wait.",
    ),
  engine: z
    .object({
      waiting_first: z.number().nullable(),
      waiting_last: z.number(),
      running_last: z.number().nullable(),
    })
    .nullable()
    .describe("The engine's own queue, where it reports it: means over the first and the last fifth of the offering."),
})
