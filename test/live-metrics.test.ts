import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseLabels, parseMetrics } from '../src/sources/prometheus/parse-metrics.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { startLayerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'
import { watched } from './support/watched-trace.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 40, itl_ms: 10, usage: 'continuous' } })
})
afterAll(() => server?.stop())

describe('where there is no terminal', () => {
  test('a line every --log-every seconds tells how it goes, and the page of metrics the same as the run', async () => {
    const folder = tempFolder()
    await server.clearTruth()
    const cli = startLayerline(folder, watched(folder, server.url, 400, ['--log-every', '0.5', '--metrics-port', '0']))
    await cli.prints('stderr', /metrics: http\S+\n/)
    const url = /metrics: (\S+)/.exec(cli.stderr())?.[1] as string
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
    await cli.prints('stderr', /in flight(.*\n){4}/)
    const page = await (await fetch(url)).text()
    expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404)
    expect((await fetch(url, { method: 'POST' })).status).toBe(405)
    const samples = parseMetrics(page, (name) => name.startsWith('layerline_'))
    const value = (name: string, label = '') =>
      samples.find(
        (each) => each.name === name && (label === '' || Object.values(parseLabels(each.labels)).includes(label)),
      )?.value ?? Number.NaN
    expect(samples.length).toBe(page.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length)
    const ok = value('layerline_requests_total', 'ok')
    expect(ok).toBeGreaterThan(0)
    expect(value('layerline_requests_planned')).toBe(400)
    expect(value('layerline_requests_sent_total') - ok).toBe(value('layerline_requests_in_flight'))
    // The server generates 20 tokens a request, 10 ms apart.
    expect(value('layerline_output_tokens_total')).toBeGreaterThanOrEqual(ok * 20)
    expect(value('layerline_e2e_seconds_count')).toBe(ok)
    expect(value('layerline_ttft_seconds_sum') / value('layerline_ttft_seconds_count')).toBeGreaterThan(0.04)
    expect(value('layerline_tpot_recent_seconds', '0.5')).toBeGreaterThan(0.008)
    const kept = await server.requests()
    const bodies = new Set(
      kept.filter(({ path }) => path.includes('completions')).map(({ body }) => Buffer.byteLength(body)),
    )
    const average = value('layerline_request_body_bytes_total') / value('layerline_requests_sent_total')
    expect(average).toBeGreaterThanOrEqual(Math.min(...bodies) - 2)
    expect(average).toBeLessThanOrEqual(Math.max(...bodies))
    process.kill(cli.pid, 'SIGINT')
    const { code, stderr, stdout } = await cli.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(
      /^0:0\d · \d+\/400 ended · 4 in flight · .* req\/s · .* out tok\/s · TTFT p95 .*ms · .* · TX .*B · RX .*B$/m,
    )
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none is to be there
    expect(stderr + stdout).not.toMatch(/\x1b\[[0-9;?]*[A-Za-z]/)
    await expect(fetch(url)).rejects.toThrow()
  })
})
