import { afterEach, describe, expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { analyseRun } from '../../analysis/analyse-run.ts'
import type { RunReader } from '../../store/read/run-reader.ts'
import { paintFor } from '../text/paint.ts'
import { logPlot } from '../text/plot.ts'
import { textWidth } from '../text/text.ts'
import { reportText } from './report-view.ts'

const open: RunReader[] = []
afterEach(async () => {
  for (const reader of open.splice(0)) await reader.close()
})

const S = 1e9
const DEVICE = '0 GPU-1234 NVIDIA Fake A10'

/** Requests of 20 s, 2 s apart: 5 s of prefill at 300 W, 15 s of decode at 200 W, 60 W between; sampled every 100 ms, windows of `windowNs`. */
function gpuRun(windowNs = 0): Tables {
  const sizes = [64, 64, 512, 4096]
  const power = (t: number) => {
    const [n, into] = [Math.floor((t - 10) / 22), (t - 10) % 22]
    return n < 0 || n >= sizes.length || into >= 20 ? 60 : into < 5 ? 300 : 200
  }
  const track = (track_id: number, name: string) => ({
    track_id,
    layer: 'gpu',
    host: 'box',
    device: DEVICE,
    name,
    attrs: JSON.stringify({ kind: 'gauge', window_ns: windowNs }),
  })
  const times = Array.from({ length: 1200 }, (_, i) => i / 10 + 0.05)
  return {
    requests: sizes.map((size, id) => {
      const b = 10 + 22 * id
      return {
        request_id: id,
        prompt_id: `p${id}`,
        size,
        status: 'ok',
        scheduled_ns: b * S,
        sent_ns: b * S,
        first_token_ns: (b + 5) * S,
        last_token_ns: (b + 20) * S,
        end_ns: (b + 20) * S,
        input_tokens: 10 * size,
        output_tokens: 301,
      }
    }),
    tracks: [track(1, 'power_draw_w'), track(2, 'gpu_utilization_ratio'), track(3, 'memory_used_bytes')],
    counters: times.flatMap((t) => [
      { track_id: 1, t_ns: t * S, value: power(t) },
      { track_id: 2, t_ns: t * S, value: power(t) > 100 ? 0.98 : 0 },
      { track_id: 3, t_ns: t * S, value: 8e9 },
    ]),
  }
}

async function reported(tables: Tables, width = 100) {
  const reader = await memoryRun(tables)
  open.push(reader)
  return reportText(await analyseRun(reader), { width, color: false })
}

describe('hardware in a report', () => {
  it('shows each stage with its power, and energy with its limits', async () => {
    const text = await reported(gpuRun())
    expect(text).toMatch(/^hardware by stage/m)
    expect(text).toMatch(/GPU 0 busy +98 % +98 % +0 %/)
    expect(text).toMatch(/GPU 0 power +300 W +200 W +60\.0 W/)
    expect(text).toMatch(/GPU 0 memory used +8\.00 GB +8\.00 GB +8\.00 GB/)
    // 4 x 5 s x 300 W, 4 x 15 s x 200 W, 3 x 2 s x 60 W.
    expect(text).toMatch(/prefill +20\.0 s +(5,9\d\d|6,0\d\d) \(/)
    expect(text).toMatch(/decode +60\.0 s +(11\.9|12\.0|12\.1) \(/)
    expect(text).toMatch(/idle 60\.0 \(5\d\.\d–6\d\.\d\) W/)
    expect(text).toMatch(/per request 4,[45]\d\d \(/)
    expect(text).toMatch(/●/)
    expect(text).not.toMatch(/energy per request is refused/)
  })

  it('says what is too short for its sensor, and what it would take', async () => {
    const text = await reported(gpuRun(4e9))
    expect(text).toMatch(/GPU energy per request is refused for 4 requests of 4: .*4\.00 s/)
    expect(text).toContain('`--repeat 2`')
    expect(text).toMatch(/prefill +20\.0 s +too short for its sensor/)
  })

  it('is silent where nothing was sampled, and shows the host where that is all there is', async () => {
    const { requests } = gpuRun()
    expect(await reported({ requests: requests ?? [] })).not.toMatch(/hardware by stage|^energy/m)
    const host = {
      requests: requests ?? [],
      tracks: [
        { track_id: 1, layer: 'host', host: 'box', name: 'cpu_busy_ratio', attrs: '{"role":"machine","kind":"mean"}' },
      ],
      counters: Array.from({ length: 1000 }, (_, i) => ({
        track_id: 1,
        t_ns: (i / 10) * S,
        value: i < 100 ? 0.1 : 0.9,
      })),
    }
    const text = await reported(host)
    expect(text).toMatch(/machine CPU +90 % +90 %/)
    expect(text).not.toMatch(/^energy/m)
  })

  it('fits its width and prints no control character of a device', async () => {
    const tables = gpuRun(1e9)
    for (const track of tables.tracks ?? []) track.device = `0\u001b[2J ${'x'.repeat(200)}`
    for (const width of [80, 100]) {
      const text = await reported(tables, width)
      for (const line of text.split('\n')) expect(textWidth(line)).toBeLessThanOrEqual(width)
      expect(/\p{Cc}/u.test(text.replaceAll('\n', ''))).toBe(false)
    }
  })
})

describe('logPlot', () => {
  const { cyan } = paintFor(false)
  const options = { width: 40, height: 5, xText: String, yText: String }
  it('puts equal ratios at equal distances, the lowest and highest at the ends', () => {
    const points = [1, 10, 100].map((x) => ({ x, y: x }))
    const lines = logPlot([{ mark: '●', points, paint: cyan }], options)
    expect(lines).toHaveLength(7)
    const at = (row: number) => (lines[row] as string).indexOf('●')
    expect([at(0) - at(2), at(2) - at(4)].map((d) => Math.abs(d - (at(0) - at(4)) / 2) <= 0.5)).toEqual([true, true])
    expect(lines[0]).toMatch(/^100 ┤ +●$/)
    expect(lines[4]).toMatch(/^ {2}1 ┤●$/)
  })

  it('leaves out what has no place on such axes, and draws nothing of one place', () => {
    const points = [
      { x: 0, y: 5 },
      { x: 3, y: 5 },
      { x: 4, y: -1 },
    ]
    expect(logPlot([{ mark: '●', points, paint: cyan }], options)).toEqual([])
    expect(logPlot([], options)).toEqual([])
  })
})
