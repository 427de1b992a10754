import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { StudyRecord } from '../src/session/sampling-study.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { layerline, startLayerline } from './support/cli.ts'
import { sessionPath } from './support/sshd.ts'
import { tempFolder } from './support/temp-folder.ts'

const FAKE = join(import.meta.dirname, 'fake-nvidia-smi')
/** Power repeats twice a second: who looks once a second always sees the same. */
const POWER_PERIOD_S = 0.5
/** A GPU without an averaged power, which at 1000 ms would see whole periods and err in nothing. */
const MOMENT_POWER = { FAKE_SMI_GPUS: '1', FAKE_SMI_NAME: 'NVIDIA Fake V100', FAKE_SMI_DRIVER: 'old' }
const MS = 60_000

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 40, itl_ms: 40, tokens: 30 } })
})
afterAll(() => server?.stop())

function work(folder: string): string[] {
  const file = join(folder, 'prompts.csv')
  writeFileSync(file, 'size,prompt\n10,One?\n10,Two?\n10,Three?\n')
  return ['--prompts', file, '--url', server.url, '--seed', '4']
}

/** The fake's power, W, and its energy, J, by the formulas of its README; Unix time in s. */
const powerW = (s: number): number => 200 + 100 * Math.sin((2 * Math.PI * s) / POWER_PERIOD_S)
function energyJ(fromS: number, toS: number): number {
  const swing = (100 * POWER_PERIOD_S) / (2 * Math.PI)
  const at = (s: number): number => Math.cos((2 * Math.PI * s) / POWER_PERIOD_S)
  return 200 * (toS - fromS) + swing * (at(fromS) - at(toS))
}

describe('layerline study sampling', () => {
  it(
    'finds the error that sampling a known power too rarely makes',
    async () => {
      const folder = tempFolder()
      const out = join(folder, 'study')
      const args = ['study', 'sampling', ...work(folder), '--periods', '1000,20', '--repeat', '2', '--gpu', 'local']
      const { code, stdout, stderr } = await layerline(folder, [...args, '--out', out, '--json'], {
        env: { PATH: sessionPath(FAKE), FAKE_SMI_PERIOD_S: String(POWER_PERIOD_S), ...MOMENT_POWER },
      })
      expect({ code, stderr }).toMatchObject({ code: 0 })
      const record = JSON.parse(stdout) as StudyRecord
      expect(JSON.parse(readFileSync(join(out, 'study.json'), 'utf8'))).toEqual(record)
      expect(record.runs.map(({ block, period_ms }) => [block, period_ms]).sort()).toEqual([
        [0, 1000],
        [0, 20],
        [1, 1000],
        [1, 20],
      ])
      for (const run of record.runs) {
        expect(run).toMatchObject({ requests: 3, ok: 3, sampler_cores: expect.any(Number) })
        const { fromS, toS, samples } = await samplesOf(join(out, run.run))
        for (const { s, w } of samples) {
          // The sensor holds what it saw at the last multiple of 100 ms; a stamp has whole ms.
          const held = [-0.005, 0, 0.001].map((off) => powerW(Math.floor((s + off) * 10 + 1e-6) / 10))
          expect(Math.min(...held.map((each) => Math.abs(each - w)))).toBeLessThan(0.01)
        }
        const told = run.measures.gpu_j as number
        expect(told).toBeGreaterThan(0)
        // Lines between the samples, but over pauses that are too long for them, as where the machine has better things to do.
        const pauses = samples.map(({ s }, i) => s - (samples[i - 1]?.s ?? s))
        const longS = pauses.filter((s) => s > Math.max(0.25, (4 * run.period_ms) / 1000)).reduce((a, b) => a + b, 0)
        if (run.period_ms === 1000) {
          // The power looks constant: lines between the samples, and what lies outside of them.
          const outsideS = Math.max(0, (samples[0]?.s ?? 0) - fromS) + Math.max(0, toS - (samples.at(-1)?.s ?? 0))
          const lines = linesJ(samples, fromS, toS)
          expect(Math.abs(told - lines)).toBeLessThan(0.005 * lines + 300 * (longS + outsideS))
          expect(run.measures.gpu_decode_j).toBeUndefined()
        } else {
          // Held values sum up over whole periods. A part of one is off by half a hold of the whole swing, and a hold that
          // either end cuts by half a hold of what the power changes meanwhile.
          const cutW = 2 * 100 * Math.sin((Math.PI * 0.1) / POWER_PERIOD_S)
          const missedS = pauses.reduce((sum, s) => sum + Math.max(0, s - 0.1), 0)
          expect(Math.abs(told - energyJ(fromS, toS))).toBeLessThan((2 * 100 + 2 * cutW) * 0.05 + 300 * missedS)
        }
        const busy = run.truths.machine_cpu_busy_ratio as number
        expect(busy).toBeGreaterThan(0)
        expect(busy).toBeLessThanOrEqual(1)
        expect(run.measures.machine_cpu_busy_ratio).toBeTypeOf('number')
      }
      const [coarse, fine] = record.result.periods
      const told = (block: number, period: number): number =>
        record.runs.find((run) => run.block === block && run.period_ms === period)?.measures.gpu_j as number
      const logs = [0, 1].map((block) => Math.log(told(block, 1000) / told(block, 20)))
      expect(coarse?.error.gpu_j).toMatchObject({
        against: 'finest',
        value: expect.closeTo(Math.exp(((logs[0] as number) + (logs[1] as number)) / 2) - 1, 9),
      })
      expect(coarse?.fits).toBe('no')
      expect(coarse?.unresolved).toContain('gpu_decode_j')
      expect(record.result.recommended_ms).not.toBe(1000)
      expect(fine?.speed.output_tokens_per_s?.blocks).toBe(2)
      expect(existsSync(join(out, 'warm-up', 'run.json'))).toBe(true)
    },
    4 * MS,
  )

  it(
    'keeps what is there when it is stopped, and needs no GPU',
    async () => {
      const folder = tempFolder()
      const out = join(folder, 'study')
      const args = ['study', 'sampling', ...work(folder), '--periods', '200,50', '--repeat', '9', '--gpu', 'none']
      const running = startLayerline(folder, [...args, '--out', out])
      await running.prints('stderr', /^2\/19 block 1, .*3 of 3 requests answered/m)
      running.child.kill('SIGINT')
      const { code, stdout } = await running.ended
      expect(code).toBe(130)
      expect(stdout).toContain('1 run of 18')
      const record = JSON.parse(readFileSync(join(out, 'study.json'), 'utf8')) as StudyRecord
      expect(record.runs).toHaveLength(1)
      expect(record.result.recommended_ms).toBeNull()
    },
    2 * MS,
  )

  it('refuses what is no study', async () => {
    const folder = tempFolder()
    for (const periods of ['100', '100,100', '100,5', '100,x']) {
      const { code, stderr } = await layerline(folder, ['study', 'sampling', '--periods', periods, '--url', server.url])
      expect({ periods, code }).toEqual({ periods, code: 2 })
      expect(stderr).toContain('--periods')
    }
  })

  it(
    'says before its first run how long decoding without an output limit may take, all runs together',
    async () => {
      const folder = tempFolder()
      const file = join(folder, 'decode.csv')
      writeFileSync(file, 'size,stage,prompt\n10,decode,One?\n')
      const args = [
        'study',
        'sampling',
        '--prompts',
        file,
        '--url',
        server.url,
        '--periods',
        '1000,500',
        '--repeat',
        '1',
      ]
      const { code, stderr } = await layerline(folder, [...args, '--gpu', 'none', '--out', join(folder, 'study')])
      expect({ code, stderr }).toMatchObject({ code: 0 })
      // Three runs of 131,072 tokens at 50 tokens/s.
      const at = stderr.search(/1 decode prompt .*131,072 tokens each: about 2 h/)
      expect(at).toBeGreaterThanOrEqual(0)
      expect(at).toBeLessThan(stderr.indexOf('runs to do'))
    },
    MS,
  )
})

interface PowerSample {
  /** Unix time, s. */
  s: number
  w: number
}

/** Unix time of the measured span, and all samples of power. */
async function samplesOf(folder: string): Promise<{ fromS: number; toS: number; samples: PowerSample[] }> {
  const run = await openRun(folder)
  const [span] = await run.query(
    'SELECT min(least(scheduled_ns, connect_start_ns, sent_ns)) AS a, max(end_ns) AS b FROM requests',
  )
  const epochS = Number(run.run.epoch_ns) / 1e9
  const rows = await run.query(
    "SELECT t_ns, value FROM named_counters WHERE name = 'power_draw_w' AND value IS NOT NULL ORDER BY t_ns",
  )
  await run.close()
  const unixS = (ns: unknown): number => epochS + Number(ns) / 1e9
  const samples = rows.map(({ t_ns, value }) => ({ s: unixS(t_ns), w: Number(value) }))
  return { fromS: unixS(span?.a), toS: unixS(span?.b), samples }
}

/** The area under lines from sample to sample, within the span. */
function linesJ(samples: readonly PowerSample[], fromS: number, toS: number): number {
  let sum = 0
  for (const [i, b] of samples.entries()) {
    const a = samples[i - 1]
    if (a === undefined || b.s <= a.s || b.s <= fromS || a.s >= toS) continue
    const [from, to] = [Math.max(a.s, fromS), Math.min(b.s, toS)]
    const at = (s: number): number => a.w + ((b.w - a.w) * (s - a.s)) / (b.s - a.s)
    sum += ((at(from) + at(to)) / 2) * (to - from)
  }
  return sum
}
