import type { RunReader } from '../../src/store/read/run-reader.ts'
import { memoryRun, type Tables } from './memory-run.ts'
import type { Simulated } from './simulated-scheduler.ts'

const NAMES = ['step', 'prefill', 'chunked prefill', 'decode'] as const
const SCHEDULED = 1_000_000

/** A simulated server's run with the engine's own log of its steps, as the step log's source writes it. */
export function loggedRun(simulated: Simulated): Promise<RunReader> {
  return memoryRun(loggedTables(simulated))
}

export function loggedTables({ steps, requests, ran, truth }: Simulated): Tables {
  const slices = steps.flatMap((step) => {
    const parts = ran.get(step.id) ?? []
    const own = { t_ns: step.tNs, dur_ns: step.durNs }
    return [
      {
        ...{ slice_id: step.id, track_id: 1, ...own, name_id: 0, category: 'step', step_id: step.id },
        tokens: parts.reduce((sum, { tokens }) => sum + tokens, 0),
        args: parts.every(({ ours }) => ours) ? null : JSON.stringify({ requests: parts.length }),
      },
      ...parts.flatMap(({ request, ours, tokens, prefill, emitted }, k) =>
        ours
          ? [
              {
                ...{
                  slice_id: SCHEDULED + step.id * 1000 + k,
                  track_id: 2,
                  ...own,
                  category: 'scheduled',
                  step_id: step.id,
                },
                ...{ request_id: request, tokens, name_id: prefill ? (emitted > 0 ? 1 : 2) : 3 },
              },
            ]
          : [],
      ),
    ]
  })
  return {
    strings: NAMES.map((text, id) => ({ id, text })),
    tracks: [
      { track_id: 1, layer: 'engine', name: 'steps' },
      { track_id: 2, layer: 'engine', name: 'scheduled requests' },
    ],
    slices,
    requests: requests.map(({ id, sentNs, endNs, inputTokens, outputTokens, events }) => ({
      ...{ request_id: id, scheduled_ns: sentNs, sent_ns: sentNs, end_ns: endNs, status: 'ok' },
      ...{ first_token_ns: events[0]?.tNs ?? null, last_token_ns: events.at(-1)?.tNs ?? null },
      ...{ input_tokens: inputTokens, output_tokens: outputTokens, token_source: 'usage' },
    })),
    chunks: requests.flatMap(({ id, events }) =>
      events.map(({ index, tNs, tokens }) => ({ request_id: id, index, t_ns: tNs, tokens, kind: 'content' })),
    ),
    links: requests.flatMap(({ id, events }) => {
      let token = 0
      return events.flatMap(({ index, tokens }) => {
        const of = (truth.get(id) ?? []).slice(token, token + (tokens ?? 1))
        token += of.length
        return of.map((step) => ({
          ...{ src_kind: 'chunk', src_id: id, src_index: index, dst_kind: 'slice', dst_id: step },
          ...{ kind: 'token of step', share: 1 / of.length, confidence: 'measured' },
        }))
      })
    }),
  }
}
