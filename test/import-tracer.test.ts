import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { analyseRun } from '../src/analysis/analyse-run.ts'
import { EXPORTS } from '../src/exports/registry.ts'
import { importRun, PLAIN } from '../src/imports/import-run.ts'
import { openRun } from '../src/store/read/open-run.ts'
import type { SqlRow } from '../src/store/read/run-reader.ts'
import { readRunJson } from '../src/store/run-folder.ts'
import { GPU_OFFSET_NS, knownRun, REQUESTS, SAMPLES } from './support/known-run.ts'
import { sharedData } from './support/shared-cases.ts'
import { tempFolder } from './support/temp-folder.ts'

const TRACE = 'tracer-output/trace_20250711_164711.csv'
const PERFORMANCE = 'tracer-output/performance_tracing_A10_head.csv'

async function rowsOf(run: string, sql: string): Promise<SqlRow[]> {
  const reader = await openRun(run)
  try {
    return await reader.query(sql)
  } finally {
    await reader.close()
  }
}

function write(name: string, text: string): string {
  const path = join(tempFolder(), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** ms since 1970 of a stamp, as the platform reads it. */
const msOf = (text: string) => Date.parse(`${text.replaceAll('/', '-').replace(' ', 'T')}Z`)
const samplesOf = (name: string) => `SELECT t_ns, value FROM named_counters WHERE name = '${name}' ORDER BY t_ns`

describe('files of the Tracer', () => {
  test('its trace: samples, two clocks two hours apart, requests only as far as told', async (context) => {
    const trace = sharedData(context, TRACE)
    const lines = readFileSync(trace, 'utf8')
      .trimEnd()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','))
    const { folder, format, run } = await importRun(trace, join(tempFolder(), 'run'))
    expect(format).toBe('tracer-trace')
    const epochMs = Number(BigInt(run.epoch_ns) / 1_000_000n)
    const utilization = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
    const [zone] = await rowsOf(folder, "SELECT * FROM clocks WHERE clock = 'gpu local time'")
    expect(zone?.offset_ns).toBe(7200e9)
    const leastDelayMs = Math.min(
      ...lines.map((f) => msOf((f[3] as string).slice(0, 23)) + 7200e3 - msOf(f[0] as string)),
    )
    expect(Math.abs((zone?.uncertainty_ns as number) / 1e6 - leastDelayMs)).toBeLessThan(2)
    expect(utilization.map(({ t_ns, value }) => [epochMs + (t_ns as number) / 1e6, value])).toEqual(
      lines.map((f) => [msOf(f[0] as string) - 7200e3, Number(f[1]) / 100]),
    )
    const memory = await rowsOf(folder, samplesOf('memory_utilization_ratio'))
    expect(memory.map(({ value }) => value)).toEqual(lines.map((f) => Number(f[2]) / 100))
    const delays = await rowsOf(folder, samplesOf('log_delay_ns'))
    expect(
      delays.map(({ t_ns, value }) => Math.round(epochMs * 1000 + ((t_ns as number) + (value as number)) / 1000)),
    ).toEqual(lines.map((f) => msOf((f[3] as string).slice(0, 19)) * 1000 + Number((f[3] as string).slice(20))))
    const labelled = lines.filter((f) => f[4] !== '')
    const requests = await rowsOf(folder, 'SELECT * FROM requests')
    expect(requests.length).toBe(1)
    expect(requests[0]).toMatchObject({
      prompt_id: '0',
      input_tokens: 526,
      output_tokens: 12,
      size: 512,
      model: 'meta-llama/Llama-3.1-8B',
      scheduled_ns: (msOf(labelled[0]?.[0] as string) - 7200e3 - epochMs) * 1e6,
      sent_ns: null,
      first_token_ns: null,
      end_ns: null,
      token_source: null,
    })
  })

  test('performance_tracing: every sample, a request a stretch, a zone that nothing tells', async (context) => {
    const performance = sharedData(context, PERFORMANCE)
    const lines = readFileSync(performance, 'utf8')
      .trimEnd()
      .split(/\r?\n/)
      .slice(1)
      .map((line) => line.split(','))
    const { folder, run } = await importRun(performance, join(tempFolder(), 'run'))
    const epochMs = Number(BigInt(run.epoch_ns) / 1_000_000n)
    const utilization = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
    expect(utilization.map(({ t_ns, value }) => [epochMs + (t_ns as number) / 1e6, value])).toEqual(
      lines.map((f) => [msOf(f[0] as string), Number(f[5]) / 100]),
    )
    const requests = await rowsOf(
      folder,
      'SELECT prompt_id, input_tokens, output_tokens, size FROM requests ORDER BY request_id',
    )
    const stretches = lines.filter((f, i) => f[1] !== lines[i - 1]?.[1])
    expect(requests).toEqual(
      stretches.map((f) => ({
        prompt_id: f[1],
        input_tokens: Number(f[2]),
        output_tokens: Number(f[3]),
        size: Number(f[4]),
      })),
    )
    const [clock] = await rowsOf(folder, "SELECT * FROM clocks WHERE clock = 'gpu local time'")
    expect(clock).toMatchObject({ offset_ns: 0, uncertainty_ns: 14 * 3600e9 })
    const reader = await openRun(folder)
    const report = await analyseRun(reader)
    await reader.close()
    expect(report.offered.requests).toBe(stretches.length)
    expect(report.latency.e2e_ms?.n ?? 0).toBe(0)
    expect(readRunJson(folder).verdict.map(({ what }) => what)).toContain('gpu clock')
  })
})

describe('what we wrote ourselves comes back', () => {
  test('tracer-csv: samples and both clocks', async () => {
    const folder = tempFolder()
    const from = await knownRun(folder)
    for (const split of [undefined, 'size']) {
      const out = join(folder, `csv-${split}`)
      await EXPORTS['tracer-csv'].write(from, out, split === undefined ? {} : { split })
      const { folder: back, run } = await importRun(out, join(folder, `back-${split}`))
      const epochDiffNs = Number(BigInt(run.epoch_ns) - BigInt(readRunJson(from).epoch_ns))
      const values = await rowsOf(back, samplesOf('gpu_utilization_ratio'))
      expect(values.map(({ value }) => value)).toEqual(SAMPLES.map(({ utilization }) => utilization))
      for (const [i, { t_ns }] of values.entries()) {
        const shift = (t_ns as number) + epochDiffNs - (SAMPLES[i]?.tNs as number)
        const [clock] = await rowsOf(back, "SELECT * FROM clocks WHERE clock = 'gpu local time'")
        // The GPU's clock is 3 ms off its zone, and its stamps are in ms.
        expect(Math.abs(shift)).toBeLessThanOrEqual((clock?.uncertainty_ns as number) + 1e6)
        expect(Math.abs((clock?.offset_ns as number) - GPU_OFFSET_NS)).toBeLessThanOrEqual(
          (clock?.uncertainty_ns as number) + 1e6,
        )
        if (i > 2) break
      }
      const requests = await rowsOf(
        back,
        'SELECT prompt_id, input_tokens, output_tokens FROM requests ORDER BY scheduled_ns',
      )
      expect(requests).toEqual(
        REQUESTS.filter(({ status }) => status === 'ok').map(({ prompt, input, output }) => ({
          prompt_id: prompt,
          input_tokens: input,
          output_tokens: output,
        })),
      )
    }
  })

  test('an imported trace that is exported again keeps its lines', async (context) => {
    const trace = sharedData(context, TRACE)
    const folder = tempFolder()
    const { folder: run } = await importRun(trace, join(folder, 'run'))
    await EXPORTS['tracer-csv'].write(run, join(folder, 'again.csv'), {})
    const columns = (path: string) =>
      readFileSync(path, 'utf8')
        .trimEnd()
        .split(/\r?\n/)
        .map((line) => {
          const [gpuTs, gpu, memory, , id, input, output, , model] = line.split(',')
          return [gpuTs, gpu, memory, id, input, output, model]
        })
    expect(columns(join(folder, 'again.csv'))).toEqual(columns(trace))
  })

  test('--vision: samples once each, requests with their times', async () => {
    const folder = tempFolder()
    const from = await knownRun(folder)
    await EXPORTS['tracer-csv'].write(from, join(folder, 'vision'), { vision: true })
    const { folder: back, run } = await importRun(join(folder, 'vision'), join(folder, 'back'))
    const shiftNs = Number(BigInt(run.epoch_ns) - BigInt(readRunJson(from).epoch_ns))
    const requests = await rowsOf(back, 'SELECT * FROM requests ORDER BY sent_ns')
    expect(requests.map((r) => [r.prompt_id, r.output_tokens, r.requested_tokens, r.model])).toEqual(
      REQUESTS.map((r) => [r.prompt, r.output, r.requested, 'meta/Test-1B']),
    )
    for (const [i, known] of REQUESTS.entries()) {
      const { sent_ns, first_token_ns, end_ns } = requests[i] as SqlRow
      const near = (value: unknown, ns: number) => expect(Math.abs((value as number) - ns)).toBeLessThanOrEqual(2)
      near((end_ns as number) - (sent_ns as number), known.end - known.sent)
      if (known.first !== null) near((first_token_ns as number) - (sent_ns as number), known.first - known.sent)
      // The stamps are in µs, and the unix clock of the run is measured.
      expect(Math.abs((sent_ns as number) + shiftNs - known.sent)).toBeLessThan(1e6)
    }
    const power = await rowsOf(back, samplesOf('power_draw_instant_w'))
    const times = power.map(({ t_ns }) => t_ns)
    expect(new Set(times).size).toBe(times.length)
    const inFlight = SAMPLES.filter(({ tNs }) =>
      REQUESTS.some((r) => r.sent < tNs && (r.first === null ? r.end : r.end - 1e6) > tNs - 200e6),
    )
    expect(power.map(({ value }) => value)).toEqual(inFlight.map(({ powerW }) => powerW))
  })

  test('raw tables as published: a space before a name, no column of ours', async () => {
    const folder = join(tempFolder(), 'tables')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'raw_prefill.csv'),
      'provider,gpu,engine,llm,requested_response_size,response_size,latency_s,throughput_tokens_per_s\nP,A10,vLLM 0.9.0, Llama,64,1,0.25,260\nP,A10,vLLM 0.9.0, Llama,128,1,0.5,258\n',
    )
    writeFileSync(
      join(folder, 'raw_decode.csv'),
      'provider,gpu,engine,llm,requested_length,response_size,latency_s,throughput_tokens_per_s\nP,A10,vLLM 0.9.0, Llama,16,11,0.75,36\n',
    )
    writeFileSync(
      join(folder, 'filtered_decode.csv'),
      'requested_response_size,actual_median_response_size,median_latency_s,median_throughput_tokens_per_s\n64,53,2.5,22.5\n',
    )
    const { folder: run } = await importRun(folder, join(folder, 'run'))
    const rows = await rowsOf(
      run,
      'SELECT stage, size, output_tokens, model, (end_ns - sent_ns) / 1e9 AS s FROM requests ORDER BY stage, size',
    )
    expect(rows).toEqual([
      { stage: 'decode', size: 16, output_tokens: 11, model: 'Llama', s: 0.75 },
      { stage: 'prefill', size: 64, output_tokens: 1, model: 'Llama', s: 0.25 },
      { stage: 'prefill', size: 128, output_tokens: 1, model: 'Llama', s: 0.5 },
    ])
    expect(await rowsOf(run, 'SELECT name, value FROM named_counters ORDER BY value')).toEqual([
      { name: 'median_latency_s', value: 2.5 },
      { name: 'median_throughput_tokens_per_s', value: 22.5 },
      { name: 'actual_median_response_size', value: 53 },
    ])
  })

  test('--tables: latencies, and medians as figures', async () => {
    const folder = tempFolder()
    await EXPORTS['tracer-csv'].write(await knownRun(folder), join(folder, 'tables'), { tables: true })
    const { folder: back } = await importRun(join(folder, 'tables'), join(folder, 'back'))
    const requests = await rowsOf(
      back,
      'SELECT stage, size, output_tokens, end_ns - sent_ns AS e2e FROM requests ORDER BY stage DESC, request_id',
    )
    const answered = REQUESTS.filter(({ status }) => status === 'ok')
    expect(requests).toEqual(
      answered.map((r) => ({ stage: r.stage, size: r.size, output_tokens: r.output, e2e: r.end - r.sent })),
    )
    const medians = await rowsOf(
      back,
      "SELECT value FROM named_counters WHERE name = 'median_latency_s' ORDER BY value",
    )
    expect(medians.map(({ value }) => value)).toEqual([0.7, 0.9])
  })

  test('any samples and labels, written by hand', async () => {
    const row = fc.record({
      stepMs: fc.integer({ min: 1, max: 5000 }),
      util: fc.option(fc.integer({ min: 0, max: 100 })),
      label: fc.option(fc.constantFrom('a', 'b,c', 'say "d"')),
      delayUs: fc.integer({ min: 0, max: 400_000 }),
    })
    const zoneMinutes = fc.integer({ min: -48, max: 56 }).map((quarters) => quarters * 15)
    await fc.assert(
      fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 60 }), zoneMinutes, async (rows, zone) => {
        const start = Date.UTC(2025, 2, 1)
        let ms = start
        const samples = rows.map((each) => {
          ms += each.stepMs
          return { ...each, ms }
        })
        const text = samples.map(({ ms, util, label, delayUs }) => {
          const gpu = new Date(ms + zone * 60_000).toISOString().replace('T', ' ').replaceAll('-', '/').slice(0, 23)
          const us = ms * 1000 + delayUs
          const logged = `${new Date(Math.floor(us / 1000)).toISOString().slice(0, 19)}.${String(us % 1e6).padStart(6, '0')}`
          const id = label === null ? '' : `"${label.replaceAll('"', '""')}"`
          return `${gpu},${util ?? '[N/A]'},,${logged},${id},${id === '' ? ',' : '3,4'},,m\r\n`
        })
        const path = write(
          'any.csv',
          `gpu_ts,gpu_util,mem_util,logged_at,prompt_id,in_toks,out_toks,prompt_size,model\r\n${text.join('')}`,
        )
        const { folder, run } = await importRun(path, join(dirname(path), 'run'))
        const epochMs = Number(BigInt(run.epoch_ns) / 1_000_000n)
        const values = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
        expect(values.map(({ t_ns, value }) => [Math.round(epochMs + (t_ns as number) / 1e6), value])).toEqual(
          samples.map(({ ms, util }) => [ms, util === null ? null : util / 100]),
        )
        const requests = await rowsOf(folder, 'SELECT prompt_id FROM requests ORDER BY request_id')
        const labels = samples.map(({ label }) => label)
        expect(requests.map(({ prompt_id }) => prompt_id)).toEqual(
          labels.filter((label, i) => label !== null && label !== labels[i - 1]),
        )
      }),
      { numRuns: 12 },
    )
  })
})

describe('broken files', () => {
  const HEADER = 'gpu_ts,gpu_util,mem_util,logged_at,prompt_id,in_toks,out_toks,prompt_size,model'
  const GOOD = '2025/07/11 18:47:11.455,1,2,2025-07-11T16:47:11.470338,,,,512,m'
  const failure = async (text: string, name = 'trace_x.csv') => {
    const path = write(name, text)
    const out = join(dirname(path), 'run')
    const error = await importRun(path, out, { ...PLAIN, strict: true }).then(
      () => null,
      (thrown: Error & { exitCode: number }) => thrown,
    )
    expect(existsSync(out), 'a run half made is removed').toBe(false)
    expect(error?.exitCode).toBe(2)
    return error?.message.replace(`${path}`, name)
  }

  test('say the file, the line and what was expected', async () => {
    expect(await failure('')).toBe('trace_x.csv: the file is empty')
    expect(await failure('a,b\n1,2\n')).toMatch(/^trace_x\.csv:1: no format that we read has this header: a,b/)
    expect(await failure(`${HEADER}\n`)).toMatch(/no lines after the header/)
    expect(await failure(`${HEADER}\n${GOOD}\n1,2\n`)).toMatch(/^trace_x\.csv:3: 2 values; expected 9/)
    expect(await failure(`${HEADER}\n${GOOD.replace('/11 18', '/41 18')}\n`)).toMatch(
      /^trace_x\.csv:2: gpu_ts is "2025\/07\/41 18:47:11\.455"; expected a time like/,
    )
    expect(await failure(`${HEADER}\n${GOOD}\n${GOOD.replace(',1,2,', ',x,2,')}\n`)).toMatch(
      /^trace_x\.csv:3: gpu_util is "x"; expected a number/,
    )
    expect(await failure(`${HEADER}\n${GOOD.replace(',,,,', ',p,-1,2,')}\n`)).toMatch(
      /in_toks is "-1"; expected a whole number/,
    )
    expect(await failure(`${HEADER}\n${'x'.repeat(2 ** 21)}`)).toMatch(/^trace_x\.csv:2: a line of more than 1 MiB/)
    expect(await failure('latency_s,response_size,requested_length\n-1,2,3\n')).toMatch(/:2: latency_s is "-1"/)
  })

  /** Lines that are bad in one way each, between good ones. */
  const BAD = [
    '1,2',
    GOOD.replace('/11 18', '/41 18'),
    GOOD.replace(',1,2,', ',x,2,'),
    GOOD.replace('T16', 'T96'),
    GOOD.replace(',,,,', ',p,-1,2,'),
    'x'.repeat(2 ** 21),
    '\0'.repeat(100),
  ]

  test('cost the bad lines and no other without --strict: counted, and the first is named', async () => {
    const lines = BAD.flatMap((bad, i) => [
      bad,
      GOOD.replaceAll('47:11.', `47:${12 + i}.`).replace(',1,2,', `,${i},2,`),
    ])
    const path = write('trace_x.csv', [HEADER, GOOD, ...lines, ''].join('\n'))
    const { folder, run } = await importRun(path, join(dirname(path), 'run'))
    const values = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
    expect(values.map(({ value }) => value)).toEqual([0.01, ...BAD.map((_, i) => i / 100)])
    expect(await rowsOf(folder, samplesOf('memory_utilization_ratio'))).toHaveLength(values.length)
    expect(run.layers.counters).toMatchObject({ lost: 2 * BAD.length })
    const [note] = run.verdict.filter(({ what }) => what === 'bad rows')
    expect(note).toMatchObject({ level: 'warn' })
    expect(note?.text).toContain(`trace_x.csv: ${BAD.length} lines`)
    expect(note?.text).toContain('trace_x.csv:3: 2 values; expected 9')
    expect((await rowsOf(folder, 'SELECT * FROM clocks')).map(({ offset_ns }) => offset_ns)).toEqual([7200e9])
  })

  test('of which no line is good are refused for the first', async () => {
    const path = write('trace_x.csv', [HEADER, BAD[2], BAD[1], ''].join('\n'))
    const out = join(dirname(path), 'run')
    await expect(importRun(path, out)).rejects.toMatchObject({
      code: 'input/import-value',
      message: expect.stringContaining(':2: gpu_util'),
    })
    expect(existsSync(out)).toBe(false)
  })

  test('of result tables cost their lines only', async () => {
    const folder = join(tempFolder(), 'tables')
    mkdirSync(folder)
    writeFileSync(
      join(folder, 'raw_decode.csv'),
      'requested_length,response_size,latency_s\n16,11,0.5\n16,x,7\n16,11\n16,12,-1\n16,13,0.25\n',
    )
    writeFileSync(join(folder, 'filtered_decode.csv'), 'median_latency_s,median_throughput_tokens_per_s\n1,2\n3,y\n')
    const { folder: back, run } = await importRun(folder, join(folder, 'run'))
    // A bad line takes no time of those that are laid end to end.
    expect(await rowsOf(back, 'SELECT output_tokens AS n, sent_ns, end_ns FROM requests ORDER BY sent_ns')).toEqual([
      { n: 11, sent_ns: 0, end_ns: 0.5e9 },
      { n: 13, sent_ns: 0.5e9, end_ns: 0.75e9 },
    ])
    expect(await rowsOf(back, 'SELECT value FROM named_counters ORDER BY value')).toEqual([{ value: 1 }, { value: 2 }])
    expect([run.layers.requests?.lost, run.layers.counters?.lost]).toEqual([3, 2])
  })

  test('of samples by request cost their lines only, wherever they are bad', async () => {
    const columns = 'timestamp,gpu_name,gpu_utilization,prompt_id,request_id,inference_stage,since_sent_ms,e2e_ms'
    const line = (s: number, use: string, e2e: string, id = 'p') =>
      `2025/07/11 18:47:1${s}.000,A10,${use},${id},1,decode,100,${e2e}`
    const path = write(
      'decode_A10_0.csv',
      [
        columns,
        'x,A10,1,p,1,decode,1,2',
        line(1, '10', 'x'),
        line(2, 'y', '900'),
        line(3, '30', '900'),
        line(4, '40', 'x'),
        '',
      ].join('\n'),
    )
    const { folder, run } = await importRun(path, join(dirname(path), 'run'))
    const values = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
    // The last one's request is known already, and is not read again.
    expect(values.map(({ value }) => value)).toEqual([0.3, 0.4])
    expect(await rowsOf(folder, 'SELECT prompt_id, end_ns - sent_ns AS e2e FROM requests')).toEqual([
      { prompt_id: 'p', e2e: 900e6 },
    ])
    expect(run.layers.counters).toMatchObject({ lost: 3 })
  })

  test('a missing file, an empty folder, a folder of two formats', async () => {
    const folder = tempFolder()
    await expect(importRun(join(folder, 'none.csv'), join(folder, 'r'))).rejects.toThrow(/none\.csv: no such file/)
    await expect(importRun(folder, join(folder, 'r'))).rejects.toThrow(/no CSV or JSON files in this folder/)
    writeFileSync(join(folder, 'a.csv'), `${HEADER}\n${GOOD}\n`)
    writeFileSync(join(folder, 'b.csv'), 'latency_s,response_size\n1,2\n')
    await expect(importRun(folder, join(folder, 'r'))).rejects.toThrow(
      /a\.csv is tracer-trace, .*b\.csv is tracer-tables/,
    )
  })

  test('a cut last line is left out and counted; a header that comes again is passed over', async () => {
    const path = write(
      'trace_cut.csv',
      `\uFEFF${HEADER}\n${GOOD}\n${HEADER}\n\n${GOOD.replace('11.455', '12.455')}\n2025/07/11 18:4`,
    )
    const { folder, run } = await importRun(path, join(dirname(path), 'run'))
    expect((await rowsOf(folder, samplesOf('gpu_utilization_ratio'))).length).toBe(2)
    expect(run.layers.counters?.lost).toBe(2)
    expect(run.verdict.map(({ what }) => what)).toContain('cut line')
  })

  test('the clock goes back an hour within a file', async () => {
    const at = (gpu: string, logged: string) => `2025/10/26 ${gpu}.000,5,6,2025-10-26T${logged}.010000,,,,64,m`
    const path = write(
      'trace_dst.csv',
      [HEADER, at('02:59:59', '00:59:59'), at('02:00:00', '01:00:00'), at('02:00:01', '01:00:01'), ''].join('\n'),
    )
    const { folder } = await importRun(path, join(dirname(path), 'run'))
    const times = await rowsOf(folder, samplesOf('gpu_utilization_ratio'))
    expect(times.map(({ t_ns }) => t_ns)).toEqual([0, 1e9, 2e9])
    const clocks = await rowsOf(folder, 'SELECT t_ns, offset_ns FROM clocks ORDER BY t_ns')
    expect(clocks).toEqual([
      { t_ns: 0, offset_ns: 7200e9 },
      { t_ns: 1e9, offset_ns: 3600e9 },
    ])
  })
})
