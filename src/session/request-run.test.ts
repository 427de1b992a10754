import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { PartialBehaviour } from '../../test/paced-server/behaviour.ts'
import { startPacedServer } from '../../test/paced-server/start.ts'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { LogCounts } from '../base/log-counts.ts'
import { probeServer } from '../sources/requests/probe.ts'
import { resolveTarget } from '../sources/requests/target.ts'
import { openRun } from '../store/read/open-run.ts'
import { closedGroups, type Draft, usersOf } from './offer.ts'
import { type RequestRunView, type RunProbe, runRequests } from './request-run.ts'
import { StopSignal } from './stop-signal.ts'

const DRAFT: Draft = {
  requestId: 0,
  promptId: 'p',
  prompt: 'hello',
  maxTokens: 4,
  model: 'paced',
  sampling: {},
  phase: 'measured',
  repeat: 0,
  attrs: null,
  stream: true,
}

async function sql(folder: string, query: string): Promise<Record<string, number>[]> {
  const run = await openRun(folder)
  try {
    return (await run.query(query)) as Record<string, number>[]
  } finally {
    await run.close()
  }
}

async function runOne(view: RequestRunView, stop: StopSignal, paced: PartialBehaviour = {}) {
  const server = await startPacedServer({ paced, maxModelLen: 2 ** 40 })
  try {
    const target = resolveTarget({ url: server.url })
    return await runRequests(
      {
        command: 'test',
        out: join(tempFolder(), 'run'),
        config: {},
        sampling: {},
        seed: 1,
        target,
        server: await probeServer(target),
        model: 'paced',
        sampleMs: 100,
        keepTexts: false,
        keepTokenIds: false,
        offerer: closedGroups([usersOf([DRAFT], 1)]),
        plannedRequests: 1,
      },
      stop,
      view,
    )
  } finally {
    await server.stop()
  }
}

test('a signal while the run is sealed drains nothing: nothing is in flight', async () => {
  const stop = new StopSignal()
  const stopping: string[] = []
  const run = await runOne({ sealing: () => stop.advance(), stopping: (stage) => stopping.push(stage) }, stop)
  expect(stopping).toEqual([])
  expect(run.interrupted).toBe(true)
  expect(run.report.offered).toMatchObject({ requests: 1, ok: 1 })
})

test('a run that was stopped before it began is sealed without requests', async () => {
  const stop = new StopSignal()
  stop.advance()
  const run = await runOne({}, stop)
  expect(run).toMatchObject({ interrupted: true, report: { offered: { requests: 0 }, run: { state: 'sealed' } } })
})

test('a run can be looked at and held while it goes on', async () => {
  const live = { ttft: new LogCounts(), itl: new LogCounts() }
  let probe: RunProbe | undefined
  const seen: string[] = []
  const run = await runOne(
    {
      live,
      running(given) {
        probe = given
        seen.push(...probe.counters().map(({ name }) => name))
        probe.gate.pause()
        setTimeout(() => {
          expect(given.totals().sent).toBe(0)
          given.gate.resume()
        }, 100)
      },
    },
    new StopSignal(),
  )
  expect(probe?.totals()).toMatchObject({ sent: 1, ok: 1, failed: 0, tokens: 4 })
  expect(seen).toContain('memory_available_bytes')
  expect([live.ttft.n, live.itl.n]).toEqual([1, 3])
  const paused = await sql(run.folder, `SELECT dur_ns FROM slices WHERE category = 'pause'`)
  expect(paused).toHaveLength(1)
  expect(probe?.gate.pausedNs).toBe(paused[0]?.dur_ns)
  const [row] = await sql(run.folder, 'SELECT sent_ns, first_token_ns, tx_bytes, rx_bytes FROM requests')
  expect(live.ttft.sumNs).toBeCloseTo((row?.first_token_ns ?? 0) - (row?.sent_ns ?? 0), 0)
  const { txBodyBytes, rxBodyBytes, txBytes, rxBytes } = (probe as unknown as RunProbe).totals()
  expect([txBytes, rxBytes]).toEqual([row?.tx_bytes, row?.rx_bytes])
  expect(txBodyBytes).toBeGreaterThan(0)
  expect(txBodyBytes).toBeLessThan(txBytes)
  expect(rxBodyBytes).toBeGreaterThan(0)
  expect(rxBodyBytes).toBeLessThan(rxBytes)
})

test('counts that no answer can have are not kept, and the tokens are counted otherwise', async () => {
  const impossible = { prompt_tokens: 4_294_967_294, cached_tokens: 4_294_967_294 }
  const { folder, report } = await runOne({}, new StopSignal(), impossible)
  expect(await sql(folder, 'SELECT status, input_tokens, cached_tokens, output_tokens FROM requests')).toEqual([
    { status: 'ok', input_tokens: null, cached_tokens: null, output_tokens: 4 },
  ])
  expect(report.tokens).toMatchObject({ input_tokens: null, output_tokens: 4 })
})

test('more cached tokens than the prompt has are not kept', async () => {
  const { folder } = await runOne({}, new StopSignal(), { prompt_tokens: 3, cached_tokens: 4 })
  expect(await sql(folder, 'SELECT input_tokens, cached_tokens FROM requests')).toEqual([
    { input_tokens: 3, cached_tokens: null },
  ])
})
