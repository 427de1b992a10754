import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { startPacedServer } from './paced-server/start.ts'
import { useBpftrace } from './support/bpftrace.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const REQUESTS = 6
const TOKENS = 30

describe("the client's clock, held against the kernel's", () => {
  useBpftrace()

  it('every token event has its segment, which lies between the write of the server and the stamp of the client', async () => {
    const server = await startPacedServer({ paced: { ttft_ms: 20, itl_ms: 10, tokens: TOKENS } })
    const folder = tempFolder()
    writeFileSync(join(folder, 'prompts.csv'), 'prompt\nHello\n')
    try {
      const run = await layerline(folder, [
        ...[
          'trace',
          '--prompts',
          'prompts.csv',
          '--url',
          server.url,
          '--repeat',
          String(REQUESTS),
          '--concurrency',
          '2',
        ],
        ...['--os', 'auto', '--probes', 'arrivals', '--out', 'run', '--json'],
      ])
      expect(run.code, run.stderr).toBe(0)
      const { kernel_clock: clock } = JSON.parse(run.stdout)
      expect(clock).toMatchObject({
        events: REQUESTS * TOKENS,
        held: REQUESTS * TOKENS,
        first: { requests: REQUESTS },
      })
      expect(clock.p50_ms).toBeGreaterThan(-clock.uncertainty_ms)
      // The truth: the first segment after the server began to write the first token is the one that brought it.
      const truth = await server.truth()
      const runJson = JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8'))
      const aheadNs = Number(BigInt(truth.base_ns) - BigInt(runJson.clock_bases.run))
      const rows = await sqlRows(
        folder,
        'run',
        `SELECT r.request_id, r.first_token_ns AS stamped, list(s.t_ns) AS segments FROM requests r JOIN named_slices s
          ON s.category = 'segment' AND s.name = 'port ' || r.local_port AND s.t_ns BETWEEN r.sent_ns AND r.end_ns GROUP BY ALL`,
      )
      expect(rows).toHaveLength(REQUESTS)
      const toleranceNs = clock.uncertainty_ms * 1e6
      for (const { request_id, stamped, segments } of rows) {
        const told = Object.entries(truth.requests).find(([key]) => key.endsWith(`-${request_id}`))?.[1]
        const written = (told?.first_ns ?? Number.NaN) + aheadNs
        const arrived = Math.min(
          ...String(segments)
            .replace(/[[\]]/g, '')
            .split(',')
            .map(Number)
            .filter((t) => t >= written - toleranceNs),
        )
        expect(arrived).toBeLessThanOrEqual(Number(stamped) + toleranceNs)
      }
      const text = await layerline(folder, ['report', 'run'])
      expect(text.stdout).toContain("compared with the kernel's own time")
    } finally {
      await server.stop()
    }
  })
})
