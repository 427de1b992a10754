import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { ExportOptions } from '../src/exports/export-options.ts'
import { EXPORTS } from '../src/exports/registry.ts'
import { knownRun } from './support/known-run.ts'
import { pythonWith, whyNoPip } from './support/python-packages.ts'
import { rowsOf } from './support/rows-of.ts'
import { tempFolder } from './support/temp-folder.ts'

const PERFETTO = 'perfetto==0.59.1'
const DUMP = fileURLToPath(new URL('./python/perfetto_dump.py', import.meta.url))

interface Event {
  track: string
  t: number
  dur?: number
  name: string
  category: string[]
  depth?: number
  facts: Record<string, string | number>
  out: number[]
  in: number[]
}

interface Dump {
  packets: number
  clock_id: number
  snapshot: { primary: number; clocks: Record<string, string> }
  tracks: { name: string; process: boolean; parent: string | null; unit: string | number | null }[]
  slices: Event[]
  instants: Event[]
  counters: [string, number, number][]
  left_open: number
  unordered: number
  unknown: number
}

async function decode(file: string): Promise<Dump> {
  const python = await pythonWith(PERFETTO)
  const { stdout } = await promisify(execFile)(python, [DUMP, file], { maxBuffer: 1 << 28 })
  return JSON.parse(stdout)
}

const byTime = <T extends { t: number; name: string }>(events: T[]) =>
  events.toSorted((a, b) => a.t - b.t || a.name.localeCompare(b.name))

describe('perfetto', { timeout: 10 * 60_000 }, () => {
  test('decodes with its own schema and says what SQL says', async (context) => {
    const missing = await whyNoPip()
    if (missing !== undefined) context.skip(missing)
    const folder = tempFolder()
    const run = await knownRun(folder)
    const file = join(folder, 'run.perfetto')
    const [written] = await EXPORTS.perfetto.write(run, file, {})
    const dump = await decode(file)
    expect(written?.rows).toBe(dump.packets)
    expect([dump.left_open, dump.unordered, dump.unknown]).toEqual([0, 0, 0])

    // Run time is the packets' clock less the shift that keeps it above zero.
    const shift = Number(dump.snapshot.clocks[dump.clock_id])
    expect(shift).toBe(5e6)
    const run_ = JSON.parse(readFileSync(join(run, 'run.json'), 'utf8'))
    const [unix] = await rowsOf(run, "SELECT offset_ns FROM clocks WHERE clock = 'unix' ORDER BY abs(t_ns)")
    const epoch = BigInt(run_.epoch_ns) + BigInt(Math.round(unix?.offset_ns as number))
    expect(dump.snapshot.clocks[dump.snapshot.primary]).toBe(epoch.toString())
    expect(dump.snapshot.clocks[3]).toBe(run_.clock_bases.run)

    const counters = await rowsOf(
      run,
      'SELECT name, t_ns, value FROM named_counters WHERE value IS NOT NULL ORDER BY t_ns, track_id',
    )
    expect(dump.counters.map(([track, t, value]) => [track.split('/')[1]?.split(' · ')[0], t - shift, value])).toEqual(
      counters.map(({ name, t_ns, value }) => [name, t_ns, value]),
    )
    expect(dump.tracks.filter(({ unit }) => unit !== null).map(({ unit }) => unit)).toEqual(['ratio', 'ratio', 'W'])

    const chunks = await rowsOf(run, 'SELECT * FROM chunks ORDER BY t_ns, request_id, "index"')
    expect(dump.instants.map(({ t, name, facts }) => ({ t: t - shift, name, ...facts }))).toEqual(
      chunks.map(({ t_ns, kind, request_id, index, tokens, bytes }) => ({
        t: t_ns,
        name: kind,
        request_id,
        index,
        tokens,
        bytes,
      })),
    )
    const requests = await rowsOf(run, 'SELECT * FROM requests ORDER BY scheduled_ns')
    const drawn = dump.slices.filter(({ category }) => category[0] === 'request')
    expect(
      drawn.map(({ t, dur, name, depth, facts }) => [
        t - shift,
        dur,
        name,
        depth,
        facts.status,
        facts.prompt_id,
        facts.input_tokens,
      ]),
    ).toEqual(
      requests.map((r) => [
        r.scheduled_ns,
        (r.end_ns as number) - (r.scheduled_ns as number),
        `request ${r.request_id}`,
        0,
        r.status,
        r.prompt_id,
        r.input_tokens,
      ]),
    )
    const part = (name: string) => dump.slices.filter((slice) => slice.name === name)
    const answered = requests.filter((r) => r.first_token_ns !== null)
    expect(part('prefill').map(({ t, dur, depth }) => [t - shift, dur, depth])).toEqual(
      answered.map((r) => [r.sent_ns, (r.first_token_ns as number) - (r.sent_ns as number), 1]),
    )
    expect(part('decode').map(({ t, dur }) => [t - shift, dur])).toEqual(
      answered.map((r) => [r.first_token_ns, (r.last_token_ns as number) - (r.first_token_ns as number)]),
    )
    // Requests 0 and 1 overlap, and 2 overlaps with 1: never two on a lane at a time.
    expect(new Set(drawn.map(({ track }) => track)).size).toBe(2)
    for (const chunk of dump.instants) {
      const request = drawn.find(({ facts }) => facts.request_id === chunk.facts.request_id)
      expect(chunk.track).toBe(request?.track)
    }

    const slices = await rowsOf(run, 'SELECT * FROM named_slices ORDER BY t_ns')
    const steps = dump.slices.filter(({ category }) => category[0] === 'step')
    expect(
      byTime(steps).map(({ t, dur, name, facts }) => [t - shift, dur, name, facts.slice_id, facts.tokens, facts.args]),
    ).toEqual(slices.map((s) => [s.t_ns, s.dur_ns, s.name, s.slice_id, s.tokens, s.args]))
    // The third overlaps the first without nesting in it: a lane of its own.
    expect(byTime(steps).map(({ track, depth }) => [track, depth])).toEqual([
      ['engine · 77 engine/steps', 0],
      ['engine · 77 engine/steps', 1],
      ['engine · 77 engine/steps (2)', 0],
      ['engine · 77 engine/steps', 0],
    ])
    const links = await rowsOf(run, 'SELECT src_id, src_index, dst_id FROM links')
    const tied = dump.instants.flatMap((from) =>
      from.out.map((flow) => {
        const to = dump.slices.filter((slice) => slice.in.includes(flow))
        expect(to.length).toBe(1)
        return { src_id: from.facts.request_id, src_index: from.facts.index, dst_id: to[0]?.facts.slice_id }
      }),
    )
    expect(tied).toEqual(links)
  })

  test('a window and some layers', async (context) => {
    const missing = await whyNoPip()
    if (missing !== undefined) context.skip(missing)
    const folder = tempFolder()
    const run = await knownRun(folder)
    const write = async (name: string, options: ExportOptions) => {
      await EXPORTS.perfetto.write(run, join(folder, name), options)
      return decode(join(folder, name))
    }
    const gpu = await write('gpu', { layers: ['gpu'], fromNs: 1e9, toNs: 2e9 })
    const [n] = await rowsOf(
      run,
      'SELECT count(*) AS n FROM counters WHERE value IS NOT NULL AND t_ns >= 1e9 AND t_ns < 2e9',
    )
    expect([gpu.counters.length, gpu.slices.length, gpu.instants.length]).toEqual([n?.n, 0, 0])
    expect(gpu.tracks.filter(({ process }) => process).map(({ name }) => name)).toEqual(['gpu · gpuhost'])
    const part = await write('part', { layers: ['request', 'engine'], fromNs: 1e9, toNs: 1.2e9 })
    const [in_] = await rowsOf(run, 'SELECT count(*) AS n FROM requests WHERE scheduled_ns < 1.2e9 AND end_ns >= 1e9')
    expect(part.slices.filter(({ category }) => category[0] === 'request').length).toBe(in_?.n)
    expect(part.slices.filter(({ category }) => category[0] === 'step').map(({ facts }) => facts.slice_id)).toEqual([4])
    expect(part.counters.length).toBe(0)
    await expect(write('bad', { layers: ['gqu'] })).rejects.toThrow(/--layers gqu: no such layer; expected client/)
  })
})
