import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { loadSchedule, loadSpec } from './load-options.ts'

const noTrace = () => Promise.reject(new Error('no trace is opened here'))
const open = { closed: false, room: null }

describe('loadSpec', () => {
  it('reads a whole load', async () => {
    const spec = loadSpec(
      {
        arrival: 'gamma:cv=2',
        rate: 5,
        duration: 60,
        'input-tokens': 'lognormal:800,600,max=4000',
        'output-tokens': 'none',
        'shared-prefix-tokens': 200,
        turns: 'uniform:1,8',
        'think-time': 'exponential:5s',
      },
      open,
    )
    const { provenance } = await loadSchedule(spec, 3, noTrace)
    expect(provenance).toMatchObject({
      seed: 3,
      arrival: { process: 'gamma', rate: 5, cv: 2 },
      input_tokens: { distribution: 'lognormal', mean: 800, sd: 600, max: 4000 },
      output_tokens: null,
      shared_prefix_tokens: 200,
      shared_prefix_count: 1,
      turns: { distribution: 'uniform', from: 1, to: 8 },
      think_time_s: { distribution: 'exponential', mean: 5 },
    })
  })

  it('draws lengths from a trace file, input and output of one row', async () => {
    const file = join(tempFolder(), 'trace.csv')
    const rows = [
      '2023-11-16 18:17:03.9799600,4808,10',
      '2023-11-16 18:17:04.0319600,3180,8',
      '2023-11-16 18:17:05.0,110,27',
    ]
    await writeFile(file, `TIMESTAMP,ContextTokens,GeneratedTokens\r\n${rows.join('\r\n')}`)
    const sides = { 'input-tokens': `empirical:${file}`, 'output-tokens': `empirical:${file}` }
    const schedule = await loadSchedule(loadSpec({ ...sides, rate: 9, requests: 60 }, open), 1)
    const seen = new Set<string>()
    for await (const batch of schedule.batches()) {
      for (const { inputTokens, outputTokens } of batch) seen.add(`${inputTokens} ${outputTokens}`)
    }
    expect(seen).toEqual(new Set(['4808 10', '3180 8', '110 27']))
    expect(schedule.provenance).toMatchObject({ input_tokens: { distribution: 'empirical', rows: 3 } })
  })

  it('has defaults that fit into the model', () => {
    const lengths = (room: number | null) => {
      const { input, output } = loadSpec({ requests: 5 }, { closed: true, room })
      return [input, output].map((side) => (side as { distribution: { mean: number } }).distribution.mean)
    }
    expect(lengths(null)).toEqual([512, 128])
    expect(lengths(8192)).toEqual([512, 128])
    expect(lengths(640)).toEqual([480, 128])
    expect(lengths(256)).toEqual([192, 64])
  })

  it('takes the rate of a sweep instead of its own', () => {
    expect(loadSpec({ requests: 5, rate: 1 }, { ...open, rate: 9 }).load.process?.meanRate).toBe(9)
  })

  const wrong: [options: Parameters<typeof loadSpec>[0], closed: boolean, says: RegExp][] = [
    [{ rate: 5 }, false, /nothing says when the load ends/],
    [{ requests: 5 }, false, /no --rate/],
    [{ requests: 5, rate: 5 }, true, /--rate: a closed loop/],
    [{ requests: 5, arrival: 'poisson' }, true, /--arrival: a closed loop/],
    [{ duration: 0 }, true, /--duration 0/],
    [{ requests: 5, 'shared-prefix-count': 5 }, true, /without --shared-prefix-tokens/],
    [{ requests: 5, 'think-time': '5s' }, true, /without --turns/],
    [{ requests: 5, turns: '0' }, true, /--turns 0: expected 1 to/],
    [{ requests: 5, turns: '3', 'think-time': 'soon' }, true, /--think-time soon: no such distribution/],
    [{ requests: 5, 'output-tokens': 'short' }, true, /--output-tokens short: no such distribution/],
  ]
  for (const [options, closed, says] of wrong) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => loadSpec(options, { closed, room: null })).toThrow(says)
    })
  }
})
