import { randomStream } from '../../src/base/random-stream.ts'
import type { SqlValue } from '../../src/store/read/run-reader.ts'

type Row = Record<string, SqlValue>

/** A run of every kind of row, from a seed: overlapping requests, warm-up, failures, bundled and uncounted events. */
export function randomRun(seed: number, count: number): { requests: Row[]; chunks: Row[] } {
  const random = randomStream(seed).uniform
  const requests: Row[] = []
  const chunks: Row[] = []
  for (let id = 0; id < count; id++) {
    const scheduled = id * 40e6 + random() * 10e6
    const fresh = random() < 0.5
    const connect = scheduled + random() * 3e6
    const sent = connect + (fresh ? 1e6 + random() * 1e6 : 0)
    const phase = id < 3 ? 'warmup' : 'measured'
    const failed = random() < 0.1
    const row: Row = {
      request_id: id,
      scheduled_ns: scheduled,
      connect_start_ns: fresh ? connect : null,
      connected_ns: fresh ? sent - 0.2e6 : null,
      sent_ns: sent,
      phase,
      repeat: id % 3,
      size: [64, 128, 256][id % 3] as number,
    }
    requests.push(row)
    if (failed) {
      Object.assign(row, { status: 'http_error', http_status: 503, error: `busy: slot ${id} of 8`, end_ns: sent + 5e6 })
      continue
    }
    const counts = random() < 0.7
    const events = 2 + Math.floor(random() * 30)
    let t = sent + 20e6 + random() * 30e6
    const first = t
    let tokens = 0
    chunks.push({ request_id: id, index: 0, t_ns: sent + 1e6, kind: 'role' })
    for (let i = 0; i < events; i++) {
      if (i > 0) t += random() < 0.05 ? 200e6 * random() : 1e6 + 9e6 * random()
      const k = counts ? Math.floor(random() * 4) : 1
      tokens += k
      const late = random() * 1e5
      chunks.push({
        request_id: id,
        index: i + 1,
        t_ns: t,
        tokens: counts ? k : null,
        kind: i % 7 === 3 ? 'reasoning' : 'content',
        late_ns: late,
        coalesced: random() < 0.1,
      })
    }
    chunks.push({ request_id: id, index: events + 1, t_ns: t + 1e6, kind: 'usage' })
    Object.assign(row, {
      status: 'ok',
      headers_ns: sent + 1e6,
      first_token_ns: first,
      last_token_ns: t,
      end_ns: t + 1e6,
      input_tokens: 50 + id,
      cached_tokens: id % 4 === 0 ? 16 : null,
      output_tokens: counts || random() < 0.5 ? tokens : tokens + 3,
      token_source: 'usage',
    })
  }
  return { requests, chunks: chunks.sort((a, b) => Number(a.t_ns) - Number(b.t_ns)) }
}
