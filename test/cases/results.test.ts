import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { LayerlineError } from '../../src/base/errors.ts'
import { importRun, PLAIN } from '../../src/imports/import-run.ts'
import { openRun } from '../../src/store/read/open-run.ts'
import { layerline } from '../support/cli.ts'
import { sharedCase } from '../support/shared-cases.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { aiperfLines, guidellm, guidellm03, vllmResult } from './result-files.ts'

function written(name: string, content: string | Buffer): string {
  const path = join(tempFolder(), name)
  writeFileSync(path, content)
  return path
}

async function imported(path: string) {
  const { folder, run } = await importRun(path, join(tempFolder(), 'run'))
  const reader = await openRun(folder)
  try {
    const requests = await reader.query(
      `SELECT status, http_status, input_tokens, output_tokens, round((first_token_ns - sent_ns) / 1e6, 3) AS ttft, round((last_token_ns - sent_ns) / 1e6, 3) AS last,
        (SELECT count(*) FROM chunks c WHERE c.request_id = r.request_id)::INTEGER AS events FROM requests r ORDER BY request_id`,
    )
    return { requests, lost: run.layers.requests?.lost ?? 0, notes: run.verdict.map(({ what }) => what) }
  } finally {
    await reader.close()
  }
}

/** The code of a refusal, which must leave no run. */
async function refusal(path: string, strict = false): Promise<LayerlineError> {
  const out = join(tempFolder(), 'run')
  const error = await importRun(path, out, { ...PLAIN, strict }).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LayerlineError)
  expect(existsSync(out)).toBe(false)
  return error as LayerlineError
}

async function checkAiperf(path: string) {
  const { requests, lost } = await imported(path)
  const good = { status: 'ok', input_tokens: 11, output_tokens: 8, ttft: 40, last: 90 }
  expect(requests).toMatchObject([
    { ...good, events: 8 },
    { status: expect.stringMatching(/^(connect_error|malformed)$/), events: 0 },
    { status: 'cancelled', events: 0 },
    { status: 'http_error', http_status: 500, events: 0 },
    { ...good, events: 0 },
  ])
  expect(lost).toBe(0)
}

describe("AIPerf's requests without metrics", () => {
  test('are failures, and cost nobody else anything', () =>
    checkAiperf(written('p.jsonl', `${aiperfLines().join('\n')}\n`)))
  test('the shared case', (context) =>
    checkAiperf(join(sharedCase(context, 'result-aiperf-null-metrics'), 'profile_export.jsonl')))

  test('lines that cannot be read are skipped and counted; with --strict the first is an error', async () => {
    const [good = '', , cancelled = ''] = aiperfLines()
    const path = written('p.jsonl', `${good}\n{"metadata":{}}\nnot JSON\n${cancelled}\n`)
    const { requests, lost, notes } = await imported(path)
    expect(requests.map(({ status }) => status)).toEqual(['ok', 'cancelled'])
    expect(lost).toBe(2)
    expect(notes).toContain('bad rows')
    expect(await refusal(path, true)).toMatchObject({
      code: 'input/import-value',
      message: expect.stringMatching(/p\.jsonl:2:/),
    })
    const { code, stderr } = await layerline(tempFolder(), ['import', path, '--strict'])
    expect([code, stderr]).toEqual([2, expect.stringContaining('p.jsonl:2:')])
  })

  test('its summary is named, with the file that has the requests', async () => {
    const summary = {
      request_throughput: { unit: 'requests/sec', avg: 3 },
      time_to_first_token: { unit: 'ms', avg: 4 },
    }
    expect(await refusal(written('profile_export_aiperf.json', JSON.stringify(summary)))).toMatchObject({
      code: 'input/import-format',
      hint: expect.stringContaining('profile_export.jsonl'),
    })
  })
})

const expectVersion = async (path: string) => expect((await refusal(path)).code).toBe('input/import-version')

describe("GuideLLM's reports", () => {
  test('of 0.3, which names no version, and of others that do not fit are named', async () => {
    await expectVersion(written('r.json', guidellm03()))
    await expectVersion(written('r.json', guidellm('0.5.1', 1, { config: undefined })))
  })

  test('without a request are refused', async () => {
    expect((await refusal(written('r.json', guidellm('0.8.1', 0)))).code).toBe('input/import-empty')
  })

  test('the shared case', async (context) => {
    const folder = sharedCase(context, 'result-guidellm-0.3')
    await expectVersion(join(folder, 'benchmarks-0.3.json'))
    const empty = await refusal(join(folder, 'benchmarks-0.8-no-requests.json'))
    expect(empty).toMatchObject({ code: 'input/import-empty', hint: expect.stringContaining('sample') })
  })

  test('one request that cannot be read costs itself', async () => {
    const text = guidellm('0.8.1', 3).replace('"prompt_tokens":8', '"prompt_tokens":-8')
    const { requests, lost } = await imported(written('r.json', text))
    expect([requests.length, lost]).toEqual([2, 1])
    expect((await refusal(written('r.json', text), true)).code).toBe('input/import-value')
  })
})

describe('results of vllm bench serve', () => {
  test('from before it kept start times are refused for that, a summary for being one', async () => {
    const old = vllmResult({ start_times: undefined })
    await expectVersion(written('r.json', JSON.stringify(old)))
    const summary = JSON.stringify({ ...old, ttfts: undefined, itls: undefined })
    expect((await refusal(written('r.json', summary))).code).toBe('input/import-summary')
  })

  test('the shared case', async (context) => {
    const path = join(sharedCase(context, 'result-vllm-before-start-times'), 'vllm-0.10.json')
    await expectVersion(path)
    expect((await refusal(path)).hint).not.toContain('--save-detailed')
  })

  test("Python's NaN and Infinity, and null, are figures that are not there", async () => {
    const { ttfts, itls } = vllmResult({}) as { ttfts: unknown[]; itls: unknown[][] }
    const result = vllmResult({
      request_rate: '@Infinity',
      mean_ttft_ms: '@NaN',
      ttfts: ['@NaN', null, ...ttfts.slice(2)],
      itls: [itls[0], itls[1], ['@-Infinity', 0.005], ...itls.slice(3)],
    })
    const text = JSON.stringify(result).replaceAll(/"@(-?\w+)"/g, '$1')
    const { requests, lost } = await imported(written('r.json', text))
    expect(lost).toBe(0)
    expect(requests.map(({ status, ttft, events }) => [status, ttft, events])).toEqual([
      ['ok', null, 0],
      ['ok', null, 0],
      ['ok', 30, 0],
      ...Array.from({ length: 4 }, () => ['ok', 30, 12]),
      ['http_error', null, 0],
    ])
  })

  test('one request of another shape costs itself', async () => {
    const { output_lens } = vllmResult({}) as { output_lens: unknown[] }
    const path = written('r.json', JSON.stringify(vllmResult({ output_lens: ['x', ...output_lens.slice(1)] })))
    const { requests, lost } = await imported(path)
    expect([requests.length, lost]).toEqual([7, 1])
    expect((await refusal(path, true)).message).toMatch(/output_lens\.0/)
  })
})

test.each([
  ['Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n', /Git LFS/],
  ['HTML', '<!DOCTYPE html><html></html>', /HTML/],
  ['gzip', gzipSync('a,b\n1,2\n'), /gzip/],
  ['UTF-16', Buffer.from('\uFEFF{"traceEvents":[]}', 'utf16le'), /UTF-16/],
] as const)('a file that is %s is named as that, whatever it is called', async (_, content, words) => {
  for (const name of ['trace.json', 'results.csv', 'profile_export.jsonl']) {
    const path = written(name, content)
    expect(await refusal(path)).toMatchObject({ code: 'input/import-format', message: expect.stringMatching(words) })
  }
  const folder = tempFolder()
  writeFileSync(join(folder, 'rank0.json'), content)
  expect((await refusal(folder)).message).toMatch(words)
  expect(readFileSync(join(folder, 'rank0.json')).length).toBeGreaterThan(0)
})
