import { onTestFinished } from 'vitest'
import { createRunClock } from '../../src/base/time.ts'
import { type ClientOptions, RequestClient, type RequestPlan } from '../../src/sources/requests/client.ts'
import { resolveTarget, type TargetOptions } from '../../src/sources/requests/target.ts'
import { chunks, offers, requests, texts } from '../../src/trace/tables.ts'
import { memoryRows } from '../support/memory-rows.ts'
import { type Answer, startCaseServer } from './case-server.ts'

export interface RecordedOptions extends Partial<ClientOptions> {
  /** How many requests, one after another. */
  count?: number
  target?: Partial<TargetOptions>
  plan?: Partial<RequestPlan>
}

/** What the request client records of a server's answers: its rows, in memory. */
export async function recorded(answer: Answer, options: RecordedOptions = {}) {
  const { count = 1, target, plan, ...client } = options
  const server = await startCaseServer(answer)
  onTestFinished(() => server.stop())
  const rows = {
    requests: memoryRows(requests),
    chunks: memoryRows(chunks),
    offers: memoryRows(offers),
    texts: memoryRows(texts),
  }
  const clock = createRunClock()
  const sender = new RequestClient(
    resolveTarget({ url: server.url, ...target }),
    null,
    {
      requests: rows.requests.writer,
      chunks: rows.chunks.writer,
      offers: rows.offers.writer,
      texts: rows.texts.writer,
    },
    clock,
    { runId: 'case', shard: 0, keepTexts: true, keepTokenIds: false, ...client },
  )
  const outcomes = []
  for (let requestId = 0; requestId < count; requestId++) {
    const request = {
      requestId,
      promptId: null,
      prompt: 'hi',
      maxTokens: 16,
      model: 'mock',
      sampling: {},
      repeat: 0,
      attrs: null,
    }
    outcomes.push(await sender.send({ ...request, scheduledNs: clock.now(), phase: 'measured', stream: true, ...plan }))
  }
  await sender.close()
  const events = rows.chunks.rows()
  return {
    server,
    outcomes,
    requests: rows.requests.rows(),
    texts: rows.texts.rows(),
    events: (id = 0) => events.filter((row) => row.request_id === id),
    tokenEvents: (id = 0) =>
      events.filter((row) => row.request_id === id && ['content', 'reasoning', 'tool'].includes(String(row.kind))),
  }
}
