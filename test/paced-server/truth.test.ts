import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { payloads, rawPost, rawStream, saidText } from './raw-client.ts'
import { type RunningPacedServer, startPacedServer } from './start.ts'
import { word } from './words.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer()
})
afterAll(() => server.stop())
beforeEach(() => server.clearTruth())

const words = (count: number) => Array.from({ length: count }, (_, i) => word(i, 'ascii')).join('')

test('stamps lie between what the client did and what it saw, and never before their schedule', async () => {
  const paced = { ttft_ms: 30, itl_ms: 10 }
  const answer = await rawPost(
    server.port,
    { model: 'paced', prompt: 'a b', max_tokens: 12, stream: true, stream_options: { include_usage: true }, paced },
    { headers: ['X-Request-Id: r-1'] },
  )
  const { base_ns, requests } = await server.truth()
  const truth = requests['r-1']!
  const monotonic = (ns: number) => Number(BigInt(base_ns) - answer.sentNs) + ns
  expect(monotonic(truth.received_ns)).toBeGreaterThan(0)
  expect(truth.kinds).toBe('ccccccccccccu')
  expect(truth).toMatchObject({ tokens: 12, prompt_tokens: 2, aborted_ns: null, first_ns: truth.stamps[0] })

  const text = answer.bytes.toString('latin1')
  const ends = [...text.matchAll(/\n\n/g)].map((match) => match.index + 2)
  for (const [k, stamp] of truth.stamps.entries()) {
    const seen = answer.reads.find((read) => read.bytes >= ends[k]!)!
    expect(Number(seen.atNs - answer.sentNs)).toBeGreaterThan(monotonic(stamp))
    const due = truth.received_ns + (paced.ttft_ms + Math.min(k, 11) * paced.itl_ms) * 1e6
    expect(stamp).toBeGreaterThanOrEqual(due)
  }
  expect(saidText(answer.body)).toBe(words(12))
})

test('the schedule is absolute: lateness does not add up', async () => {
  await rawStream(server.port, 100, { ttft_ms: 5, itl_ms: 5 })
  const truth = (await server.truth()).requests['anonymous-0']!
  const lateNs = truth.stamps.map((stamp, k) => stamp - truth.received_ns - (5 + 5 * k) * 1e6)
  // A relative timer of 5 ms is late by about 0.5 ms a step: 50 ms after a hundred.
  expect(Math.min(...lateNs.slice(50))).toBeLessThan(25e6)
})

test('an unpaced answer has the same text, its tokens counted', async () => {
  const answer = await rawStream(server.port, 1000, { unpaced: true }, { stream_options: { include_usage: true } })
  expect(answer.end).toBe('complete')
  expect(saidText(answer.body)).toBe(words(1000))
  const events = payloads(answer.body)
  expect(events).toHaveLength(1002)
  expect(events.at(-1)).toBe('[DONE]')
  expect(JSON.parse(events.at(-2)!)).toMatchObject({
    choices: [],
    usage: { prompt_tokens: 3, completion_tokens: 1000 },
  })
  expect(JSON.parse(events.at(-3)!).choices[0].finish_reason).toBe('length')
  expect((await server.truth()).requests['anonymous-0']).toMatchObject({ tokens: 1000, stamps: [] })
})

test.each([1, 63, 64, 65, 128, 129, 130, 193])('unpaced, %i tokens: no word missing at the seams', async (tokens) => {
  const answer = await rawStream(server.port, tokens, { unpaced: true })
  expect(saidText(answer.body)).toBe(words(tokens))
})

test.each([1, 64, 129, 193, 1000, 1500])(
  'unpaced, %i tokens with running usage: each event counts on',
  async (tokens) => {
    const streamOptions = { include_usage: true, continuous_usage_stats: true }
    const answer = await rawStream(server.port, tokens, { unpaced: true }, { stream_options: streamOptions })
    expect(answer.end).toBe('complete')
    expect(saidText(answer.body)).toBe(words(tokens))
    const usages = payloads(answer.body).flatMap((each) => (each === '[DONE]' ? [] : [JSON.parse(each).usage]))
    const wanted = Array.from({ length: tokens }, (_, i) => ({
      prompt_tokens: 3,
      total_tokens: 4 + i,
      completion_tokens: 1 + i,
    }))
    expect(usages.slice(0, tokens)).toEqual(wanted)
  },
)

test('/metrics grows by what was generated', async () => {
  const read = async (name: string) => {
    const text = await (await fetch(`${server.url}/metrics`)).text()
    return Number(new RegExp(`^vllm:${name}_total\\{.*\\} (.*)$`, 'm').exec(text)![1])
  }
  const before = { prompt: await read('prompt_tokens'), generated: await read('generation_tokens') }
  await rawStream(server.port, 7, {})
  await rawPost(server.port, { model: 'paced', prompt: [1, 2, 3, 4], max_tokens: 9 })
  expect((await read('prompt_tokens')) - before.prompt).toBe(7)
  expect((await read('generation_tokens')) - before.generated).toBe(16)
})

test('a client that goes away is noticed, and its stream ends', async () => {
  await rawPost(
    server.port,
    { model: 'paced', prompt: 'x', max_tokens: 1000, stream: true, paced: { itl_ms: 20 } },
    { headers: ['x-request-id: gone'], ms: 100 },
  )
  await expect.poll(async () => (await server.truth()).requests.gone?.aborted_ns).toBeGreaterThan(0)
  const { tokens } = (await server.truth()).requests.gone!
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect((await server.truth()).requests.gone!.tokens).toBe(tokens)
})
