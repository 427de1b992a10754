import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RunningPacedServer, startPacedServer } from '../../../test/paced-server/start.ts'
import { type ArrivalAt, MEMORY_PROMPTS, memorySchedule } from '../../../test/support/memory-schedule.ts'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { randomStream } from '../../base/random-stream.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import { openRun } from '../../store/read/open-run.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { type RequestRun, type RequestRunView, type RunProbe, runRequests } from '../request-run.ts'
import { StopSignal } from '../stop-signal.ts'
import { OpenLoop, type OpenLoopOptions } from './open-loop.ts'
import { resumePoint } from './resume.ts'

let server: RunningPacedServer

beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 5, itl_ms: 1 } })
})
afterAll(() => server.stop())

interface Replayed {
  run: RequestRun
  rows: Record<string, number | string | null>[]
  offerer: OpenLoop
}

async function replay(
  schedule: ArrivalSchedule,
  more: Partial<OpenLoopOptions & { plan: RunPlan; sampling: Record<string, unknown> }> = {},
  view: RequestRunView = {},
  stop = new StopSignal(),
): Promise<Replayed> {
  const target = resolveTarget({ url: server.url, endpoint: 'completions' })
  const sampling = more.sampling ?? {}
  const offerer = new OpenLoop({
    schedule,
    prompts: MEMORY_PROMPTS,
    model: 'paced',
    sampling,
    seed: 1,
    stream: true,
    roomOf: null,
    speedup: 1,
    maxInFlight: null,
    durationNs: null,
    precise: false,
    dependency: 'schedule',
    ...more,
  })
  const run = await runRequests(
    {
      command: 'test',
      out: join(tempFolder(), 'run'),
      config: {},
      sampling,
      seed: 1,
      target,
      server: await probeServer(target),
      model: 'paced',
      sampleMs: 100,
      keepTexts: false,
      keepTokenIds: false,
      offerer,
      plannedRequests: schedule.total,
      ...(more.plan === undefined ? {} : { plan: more.plan }),
    },
    stop,
    view,
  )
  const reader = await openRun(run.folder)
  const rows = (await reader.query('SELECT * FROM requests ORDER BY request_id')) as Replayed['rows']
  await reader.close()
  return { run, rows, offerer }
}

const column = (rows: Replayed['rows'], name: string) => rows.map((row) => row[name] as number)

/** `count` arrivals at random times within `ms`. */
function randomly(count: number, ms: number, more: Partial<ArrivalAt> = {}): ArrivalAt[] {
  const random = randomStream('times')
  return Array.from({ length: count }, () => Math.floor(random.uniform() * ms * 1000))
    .sort((a, b) => a - b)
    .map((tUs) => ({ tUs, ...more }))
}

test('every request is offered at its time over the speed-up, and the server saw it so', async () => {
  await server.clearTruth()
  const arrivals = randomly(400, 4000)
  const { rows, run } = await replay(memorySchedule(arrivals), { speedup: 4 })
  expect(column(rows, 'request_id')).toEqual(arrivals.map((_, i) => i))
  expect(rows.every(({ status }) => status === 'ok')).toBe(true)
  const scheduled = column(rows, 'scheduled_ns')
  const start = (scheduled[0] as number) - (arrivals[0] as ArrivalAt).tUs * 250
  for (const [i, { tUs }] of arrivals.entries()) expect((scheduled[i] as number) - start).toBeCloseTo(tUs * 250, 0)
  // Nothing is sent before its time, by the client's clock or by the server's.
  const { requests, base_ns } = await server.truth()
  const zeroNs = Number(BigInt(base_ns) - (await monotonicBase(run)))
  for (const [i, row] of rows.entries()) {
    const told = requests[`run-${i}`]
    expect(row.sent_ns as number).toBeGreaterThanOrEqual(row.scheduled_ns as number)
    expect((told?.received_ns as number) + zeroNs).toBeGreaterThanOrEqual(row.scheduled_ns as number)
    expect(told?.prompt_tokens).toBe(8)
  }
})

test('answers do not set the pace: a server that takes long is sent the next ones all the same', async () => {
  const { rows, run } = await replay(memorySchedule(randomly(60, 300)), { sampling: { paced: { ttft_ms: 600 } } })
  expect(Math.max(...column(rows, 'sent_ns'))).toBeLessThan(Math.min(...column(rows, 'end_ns')))
  expect(run.report.offered.concurrency?.max).toBe(60)
})

test('what is offered is not done: the share is what was answered', async () => {
  const seen: { offered: number; ended: number; share: number }[] = []
  let probe: RunProbe | null = null
  const note = () => {
    const progress = probe?.progress()
    if (progress == null) return
    const { offered, ok, failed, share } = progress
    seen.push({ offered, ended: ok + failed, share: share as number })
  }
  await replay(
    memorySchedule(randomly(20, 100)),
    { sampling: { paced: { ttft_ms: 500 } } },
    { running: (given) => (probe = given), ended: note },
  )
  // All were offered before the first was answered.
  expect(seen.every(({ offered }) => offered === 20)).toBe(true)
  expect(seen.some(({ ended }) => ended > 0 && ended < 20)).toBe(true)
  for (const { ended, share } of seen) expect(share).toBeCloseTo(ended / 20, 12)
})

test('a ceiling holds requests back in their order, and each says for how long', async () => {
  const { rows, offerer, run } = await replay(memorySchedule(randomly(40, 50)), {
    maxInFlight: 4,
    sampling: { paced: { ttft_ms: 50 } },
  })
  expect(run.report.offered.concurrency?.max).toBe(4)
  const sent = column(rows, 'sent_ns')
  expect([...sent].sort((a, b) => a - b)).toEqual(sent)
  const held = rows.filter(({ held_ns }) => held_ns !== null)
  expect(held).toHaveLength(offerer.progress()?.held as number)
  expect(held.length).toBeGreaterThanOrEqual(30)
  for (const row of held) {
    const late = (row.sent_ns as number) - (row.scheduled_ns as number)
    expect(row.held_ns as number).toBeLessThanOrEqual(late)
    expect(row.held_ns as number).toBeGreaterThan(0)
  }
})

test('a turn waits for the answer before it, and is due when that is there', async () => {
  const talk = (id: string, turn: number, tUs: number): ArrivalAt => ({ tUs, session: { id, turn } })
  const schedule = memorySchedule([
    talk('a', 0, 0),
    talk('b', 0, 1000),
    talk('a', 1, 2000),
    talk('a', 2, 3000),
    talk('b', 1, 600_000),
  ])
  const sampling = { paced: { ttft_ms: 100 } }
  const { rows } = await replay(schedule, { dependency: 'causal', sampling })
  const [a0, b0, a1, a2, b1] = rows as Record<string, number>[]
  expect(a1?.scheduled_ns).toBe(a0?.end_ns)
  expect(a2?.scheduled_ns).toBe(a1?.end_ns)
  expect(b1?.scheduled_ns).toBeCloseTo((b0?.scheduled_ns as number) + 599e6, 0)
  expect(rows.map(({ session_id, turn }) => `${session_id}${turn}`)).toEqual(['a0', 'b0', 'a1', 'a2', 'b1'])
  const paused = memorySchedule([
    { tUs: 0, session: { id: 'a', turn: 0 } },
    { tUs: 50_000, session: { id: 'a', turn: 1, thinkUs: 50_000 } },
    { tUs: 300_000, session: { id: 'a', turn: 2, thinkUs: 250_000 } },
  ])
  const thoughtful = await replay(paused, { dependency: 'causal', speedup: 2, sampling })
  const [p0, p1, p2] = thoughtful.rows as Record<string, number>[]
  expect((p1?.scheduled_ns as number) - (p0?.end_ns as number)).toBeCloseTo(25e6, 0)
  expect((p2?.scheduled_ns as number) - (p1?.end_ns as number)).toBeCloseTo(125e6, 0)
  const apart = await replay(schedule, { dependency: 'schedule', sampling })
  expect(Math.max(...column(apart.rows.slice(0, 4), 'sent_ns'))).toBeLessThan(
    Math.min(...column(apart.rows.slice(0, 4), 'end_ns')),
  )
})

test('a duration ends the offering; what was held back until then is a row never sent', async () => {
  const { rows, run } = await replay(memorySchedule(Array.from({ length: 2000 }, (_, i) => ({ tUs: i * 1000 }))), {
    durationNs: 300e6,
    maxInFlight: 2,
    sampling: { paced: { ttft_ms: 100 } },
  })
  expect(column(rows, 'request_id')).toEqual(Array.from({ length: 300 }, (_, i) => i))
  const unsent = rows.filter(({ status }) => status === 'not_sent')
  expect(unsent.length).toBeGreaterThan(280)
  expect(run.report.offered.requests).toBe(300)
  expect(run.report.run.ended_by).toBe('done')
})

test('a signal ends the offering: nothing more goes out, and what was due has its row', async () => {
  const stop = new StopSignal()
  const { rows, run } = await replay(
    memorySchedule(Array.from({ length: 20_000 }, (_, i) => ({ tUs: i * 2000 }))),
    {},
    { ended: (draft) => draft.requestId === 40 && stop.advance() },
    stop,
  )
  expect(run.interrupted).toBe(true)
  expect(rows.length).toBeGreaterThan(40)
  expect(rows.length).toBeLessThan(20_000)
  expect(rows.every(({ status }) => status === 'ok' || status === 'not_sent')).toBe(true)
  expect(column(rows, 'request_id')).toEqual(rows.map((_, i) => i))
})

test('what goes on with a run that went on with another offers nothing twice', async () => {
  const skip = new Set([7, 8, 11])
  const plan: RunPlan = {
    ...{ schedule: {}, prompts: null, counts: {}, speedup: 1, max_in_flight: null, pacing: 'thread' },
    ...{ pacing_cpu_s: null, dependency: 'schedule', retries: 0, workers: 1, workers_lost: 0 },
    ...{ resumed_from: 'first', first_request: 5, offered_before: [...skip] },
  }
  const schedule = memorySchedule(Array.from({ length: 20 }, (_, i) => ({ tUs: i * 1000 })))
  const { rows, run } = await replay(schedule, { plan, from: 5, skip, durationNs: 5e6 })
  expect(column(rows, 'request_id')).toEqual([5, 6, 9])
  const next = await resumePoint(run.folder)
  expect([next.from, [...next.skip]]).toEqual([10, [11]])
})

test('a second signal ends the offering, however much was due and has not gone', async () => {
  const stop = new StopSignal()
  const endless: ArrivalSchedule = {
    ...memorySchedule([]),
    total: null,
    async *batches() {
      const arrival = { tUs: 0, inputTokens: 8, outputTokens: 4, session: null, blocks: null }
      for (let index = 0; ; index++) yield [{ ...arrival, index }]
    },
  }
  const { rows, run } = await replay(
    endless,
    { maxInFlight: 2, sampling: { paced: { ttft_ms: 50 } } },
    {
      ended({ requestId }) {
        if (requestId !== 0) return
        stop.advance()
        setTimeout(() => stop.advance(), 100)
      },
    },
    stop,
  )
  expect(run.interrupted).toBe(true)
  expect(column(rows, 'request_id')).toEqual(rows.map((_, i) => i))
  expect(rows.some(({ status }) => status === 'not_sent')).toBe(true)
})

test('a pause shifts what is left of the schedule', async () => {
  let resumed = 0
  const { rows } = await replay(
    memorySchedule([{ tUs: 0 }, { tUs: 100_000 }, { tUs: 400_000 }]),
    {},
    {
      running({ gate }) {
        setTimeout(() => gate.pause(), 600)
        setTimeout(() => {
          gate.resume()
          resumed = gate.pausedNs
        }, 900)
      },
    },
  )
  const [first, , last] = column(rows, 'scheduled_ns') as [number, number, number]
  const shifted = last - first - 400e6
  expect([0, resumed].some((pause) => Math.abs(shifted - pause) < 1)).toBe(true)
})

test('a schedule that cannot be read further ends the run with its error, and the run is sealed', async () => {
  const whole = memorySchedule(randomly(30, 100))
  const broken: ArrivalSchedule = {
    ...whole,
    async *batches(from) {
      for await (const batch of whole.batches(from)) {
        if ((batch[0]?.index ?? 0) >= 14) throw new Error('trace.csv:16: no number')
        yield batch
      }
    },
  }
  let folder = ''
  const started = (given: string) => {
    folder = given
  }
  const failing = replay(broken, {}, { started })
  await expect(failing).rejects.toThrow('trace.csv:16')
  const run = await openRun(folder)
  expect(await run.query('SELECT count(*) AS n FROM requests')).toEqual([{ n: 14 }])
  expect(run.run).toMatchObject({ state: 'sealed', ended_by: 'failure' })
  await run.close()
})

async function monotonicBase({ folder }: RequestRun): Promise<bigint> {
  const reader = await openRun(folder)
  await reader.close()
  return BigInt(reader.run.clock_bases.run as string)
}
