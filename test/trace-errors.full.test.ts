import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { processStart } from '../src/base/process-identity.ts'
import type { RunJson } from '../src/trace/run-json.ts'
import type { PartialBehaviour } from './paced-server/behaviour.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { type CliOptions, type CliResult, cleanEnv, LAYERLINE, layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

const KEY = 'sk-test-5f0c1a'
let server: RunningPacedServer
/** Asks for KEY. */
let locked: RunningPacedServer
/** Has two models. */
let several: RunningPacedServer
beforeAll(async () => {
  ;[server, locked, several] = await Promise.all([
    startPacedServer(),
    startPacedServer({ apiKey: KEY }),
    startPacedServer({ models: ['one', 'two'] }),
  ])
})
afterAll(() => Promise.all([server, locked, several].map((started) => started?.stop())))

const GOOD = 'size,prompt\n8,one two three\n16,four five six\n'

function folderWith(files: Record<string, string | Buffer> = {}): string {
  const folder = tempFolder()
  for (const [name, content] of Object.entries({ 'good.csv': GOOD, ...files })) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

/** `trace` of good prompts at the paced server, unless the arguments say otherwise; a later option wins. */
function trace(folder: string, args: readonly string[] = [], options: CliOptions = {}): Promise<CliResult> {
  return layerline(folder, ['trace', '--prompts', 'good.csv', '--url', server.url, '--out', 'run', ...args], options)
}

/** One sentence that starts with the program's name, perhaps one that says what to do, and nothing else. */
function expectSentence(
  { code, stdout, stderr }: CliResult,
  exit: number,
  ...says: readonly (string | RegExp)[]
): void {
  expect(code, stderr).toBe(exit)
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^layerline: /)
  expect(stderr).not.toMatch(/internal error|\n {4}at /)
  for (const words of says) expect(stderr).toMatch(words)
}

/** A port that nothing listens on. */
async function closedPort(): Promise<number> {
  const probe = createTcpServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

describe('a prompt file', () => {
  test.for<[what: string, content: string | Buffer, ...says: (string | RegExp)[]]>([
    [
      'without a prompt column',
      'size,text\n8,a\n',
      'p.csv:1:1: no column `prompt`',
      '`size`, `text`',
      /expected `prompt`/,
    ],
    ['that is empty', '', 'p.csv: the file is empty', 'CSV or JSONL'],
    ['with a header only', 'size,prompt\n', 'p.csv: a header and no rows'],
    ['with a quote that is not closed', 'size,prompt\n8,fine\n16,"open\nand on\n', 'p.csv:3: a quote', '""'],
    ['that is not UTF-8', Buffer.from('size,prompt\n8,caf\xe9\n', 'latin1'), /p\.csv:2.*UTF-8/],
    ['with a field too many', 'size,prompt\n8,a, b\n', 'p.csv:2: 3 fields', 'header has 2'],
    ['with an empty prompt', 'size,prompt\n8,a\n16,\n', 'p.csv:3: the prompt is empty'],
    ['with a size that is none', 'size,prompt\nbig,a\n', 'p.csv:2: size: ', '"big"'],
    ['of broken JSON', '{"prompt": "a"}\n{"prompt": }\n', /p\.csv:2:\d+: /],
  ])('%s', async ([, content, ...says]) => {
    const folder = folderWith({ 'p.csv': content })
    expectSentence(await trace(folder, ['--prompts', 'p.csv']), 2, ...says)
    expect(existsSync(join(folder, 'run'))).toBe(false)
  })

  test('without the size asked for names those it has', async () => {
    expectSentence(
      await trace(folderWith(), ['--sizes', '8,99']),
      2,
      'good.csv: no row of size 99',
      'sizes there: 8, 16',
    )
  })

  test('that is not there says where it was looked for', async () => {
    const folder = folderWith({ 'prompts/other.csv': GOOD })
    expectSentence(await trace(folder, ['--prompts', 'gone.csv']), 2, 'looked at gone.csv', 'PROMPT_DIR')
    const env = { PROMPT_DIR: join(folder, 'prompts') }
    const missing = await trace(folder, ['--prompts', 'gone.csv'], { env })
    expectSentence(missing, 2, `looked at gone.csv, ${join(folder, 'prompts', 'gone.csv')}`)
    expect((await trace(folder, ['--prompts', 'other.csv'], { env })).code).toBe(0)
  })

  test('that is a folder', async () => {
    expectSentence(
      await trace(folderWith({ 'f/x': '' }), ['--prompts', 'f']),
      2,
      'f: a folder; expected a CSV or JSONL',
    )
  })
})

describe('a server', () => {
  test('that nothing is: refused, exit 3', async () => {
    const port = await closedPort()
    const result = await trace(folderWith(), ['--url', `http://127.0.0.1:${port}`])
    expectSentence(result, 3, `http://127.0.0.1:${port}/v1/models: connection refused`, 'is the server up')
  })

  test('whose URL is none', async () => {
    expectSentence(await trace(folderWith(), ['--url', '127.0.0.1:8000']), 2, '127.0.0.1:8000', 'http://127.0.0.1:8000')
    expectSentence(await trace(folderWith(), ['--url', 'http://me:pw@h:1']), 2, 'credentials', /^(?![\s\S]*pw)/)
  })

  test('that lets nobody in without the key', async () => {
    const folder = folderWith({ 'key.txt': `${KEY}\n`, 'wrong.txt': 'sk-wrong-77\n' })
    const url = ['--url', locked.url]
    expectSentence(await trace(folder, url), 2, `${locked.url}/v1/models: HTTP 401`, /API key.*environment or a file/)
    const wrong = await trace(folder, [...url, '--api-key-file', 'wrong.txt'])
    expectSentence(wrong, 2, 'HTTP 401')
    expect(wrong.stderr).not.toContain('sk-wrong-77')

    const right = await trace(folder, [...url, '--api-key-file', 'key.txt'])
    expect(right.code, right.stderr).toBe(0)
    const env = { LAYERLINE_API_KEY: KEY }
    const byEnvironment = await trace(folder, [...url, '--out', 'run2'], { env })
    expect(byEnvironment.code, byEnvironment.stderr).toBe(0)
    const report = await layerline(folder, ['report', 'run'])
    const printed = [right, byEnvironment, report].map(({ stdout, stderr }) => stdout + stderr).join('')
    const kept = ['run', 'run2'].map((run) => readFileSync(join(folder, run, 'run.json'), 'utf8')).join('')
    expect(printed + kept).not.toContain(KEY)
    expect(kept).toContain('key.txt')
    for (const args of [['--api-key', KEY], [`--api-key=${KEY}`]]) {
      const given = await trace(folder, [...url, ...args])
      expectSentence(given, 2, "unknown option '--api-key'", '--api-key-file', 'LAYERLINE_API_KEY')
      expect(given.stderr).not.toContain(KEY)
    }
  })

  test('without the model lists those it has', async () => {
    const folder = folderWith()
    const url = ['--url', several.url]
    expectSentence(await trace(folder, [...url, '--model', 'three']), 2, 'no model three', 'the server has: one, two')
    expectSentence(await trace(folder, url), 2, '2 models; expected --model', 'one, two')
    expect((await trace(folder, [...url, '--model', 'two'])).code).toBe(0)
    expect(await sqlRows(folder, 'run', 'SELECT DISTINCT model FROM requests')).toEqual([{ model: 'two' }])
  })

  test('that is a web site', async () => {
    const site = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>It works</body></html>')
    }).listen(0, '127.0.0.1')
    onTestFinished(() => void site.close())
    await once(site, 'listening')
    const url = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
    const result = await trace(folderWith(), ['--url', url])
    expectSentence(result, 2, `${url}/v1/models: expected a list of models as JSON`, 'text/html', '<html>')
  })

  test('that accepts and never answers', async () => {
    const silent = createTcpServer(() => {}).listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    await once(silent, 'listening')
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    expectSentence(
      await trace(folderWith(), ['--url', url, '--connect-timeout', '0.3']),
      3,
      url,
      'no answer within 300 ms',
    )
  })

  test.for<[what: string, paced: PartialBehaviour, status: string, ...says: RegExp[]]>([
    ['answers HTML with 200', { page: 'html' }, 'malformed', /expected an event stream/, /text\/html/],
    ['closes in the middle', { fault: 'fin' }, 'truncated', /ended|closed/],
    ['resets in the middle', { fault: 'rst' }, 'reset', /reset/],
    ['answers 500', { status: 500, message: 'CUDA error' }, 'http_error', /HTTP 500/, /CUDA error/],
    ['sends an error in the stream', { fault: 'error_event', message: 'engine dead' }, 'http_error', /engine dead/],
    ['sends broken JSON', { fault: 'bad_json' }, 'malformed', /JSON/],
    ['closes before its head', { fault: 'fin_head' }, 'truncated', /closed/],
  ])('that %s: each request has its sentence, the run is sealed, exit 1', async ([, paced, status, ...says]) => {
    const folder = folderWith()
    const { code, stdout, stderr } = await trace(folder, ['--body', JSON.stringify({ paced }), '--max-tokens', '8'])
    expect(code, stderr).toBe(1)
    const lines = stdout.match(/^id=\d+ size=\d+ lat=.*$/gm)
    expect(lines).toHaveLength(2)
    const rows = await sqlRows(folder, 'run', 'SELECT status, error FROM requests')
    for (const words of says) {
      for (const line of lines ?? []) expect(line).toMatch(words)
      for (const { error } of rows) expect(error).toMatch(words)
    }
    expect(rows.map((row) => row.status)).toEqual([status, status])
    expect(lines?.[0]).toContain(` ${status}: `)
    const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
    expect(report.failures).toMatchObject({ requests: 2, kinds: [{ status, requests: 2 }] })
    expect((await layerline(folder, ['report', 'run'])).code).toBe(0)
  })

  test('that fails for some: exit 0, the failures are told', async () => {
    // The length that the server refuses is asked for by one row alone.
    const folder = folderWith({ 'p.csv': 'size,max_tokens,prompt\n8,8,fine\n9,200000,too long\n' })
    const { code, stdout } = await trace(folder, ['--prompts', 'p.csv'])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^id=0 size=8 lat=\d+\.\d{3}s len=8$/m)
    expect(stdout).toMatch(/^id=1 size=9 lat=\d+\.\d{3}s http_error: HTTP 400.*maximum context length/m)
  })
})

describe('--out', () => {
  test('that exists, or cannot be made, is an error before the first request', async () => {
    const folder = folderWith({ 'taken/x': 'kept' })
    await server.clearTruth()
    expectSentence(
      await trace(folder, ['--out', 'taken']),
      2,
      join(folder, 'taken'),
      'exists already',
      'never overwritten',
    )
    expect(readFileSync(join(folder, 'taken/x'), 'utf8')).toBe('kept')
    const below = await trace(folder, ['--out', 'good.csv/run'])
    expectSentence(below, 2, join(folder, 'good.csv/run'), "cannot make the run's folder", '--out')
    expect((await server.truth()).requests).toEqual({})
  })

  test('is made below `runs` of this folder, or below TRACE_DIR, where it is not named', async () => {
    const folder = folderWith()
    for (const [args, env, parent] of [
      [[], {}, 'runs'],
      [[], { TRACE_DIR: 'old' }, 'old'],
    ] as const) {
      const given = ['trace', '--prompts', 'good.csv', '--url', server.url, '--quiet', ...args]
      const { code, stdout, stderr } = await layerline(folder, given, { env })
      expect(code, stderr).toBe(0)
      const [made] = readdirSync(join(folder, parent))
      expect(made).toMatch(/^[\dTZ-]+-trace-[0-9a-f]{4}$/)
      expect(stdout).toBe(`${join(folder, parent, made ?? '')}\n`)
    }
  })
})

/** As the original's users have it. */
const OLD_ENV = `export SURF_URL=http://<gpu-host>:8000/v1/completions
export SURF_HOST=<gpu-host>
export SURF_USER=<ssh_user>
export SURF_KEY_PATH=keys/surf_key        # private key for SSH
# optional
export SAMPLING_MS=100                    # ms between nvidia-smi samples
export PROMPT_DIR=$(pwd)/data/sample_inputs
export TRACE_DIR=$(pwd)/data/sample_outputs
`

describe('.env', () => {
  test('with a placeholder where it matters', async () => {
    const folder = folderWith({ '.env': OLD_ENV })
    const result = await layerline(folder, ['trace', '--prompts', 'good.csv'])
    expectSentence(result, 2, '.env:1 SURF_URL: <gpu-host> is a placeholder', 'real value')
  })

  test('of the original works once the URL is real; the GPU is said to be off', async () => {
    const folder = folderWith({
      '.env': OLD_ENV.replace('http://<gpu-host>:8000', server.url),
      'data/sample_inputs/old.csv': GOOD,
    })
    const { code, stdout, stderr } = await layerline(folder, ['trace', '--prompts', 'sample_inputs/old.csv'])
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/^gpu: off: .*\.env:2 SURF_HOST: <gpu-host> is a placeholder/m)
    expect(stdout).toMatch(/^id=1 size=16 lat=\d+\.\d{3}s len=\d+$/m)
    const [run] = readdirSync(join(folder, 'data/sample_outputs'))
    const rows = await sqlRows(folder, join('data/sample_outputs', run ?? ''), 'SELECT DISTINCT endpoint FROM requests')
    expect(rows).toEqual([{ endpoint: '/v1/completions' }])
  })

  test('with a command in it is refused, and nothing is executed', async () => {
    for (const command of ['$(touch pwned)', '`touch pwned`', '"$(touch pwned)"']) {
      const folder = folderWith({ '.env': `MODEL_NAME=paced\nSURF_URL=${command}\n` })
      expectSentence(await trace(folder), 2, '.env:2: a command substitution', 'nothing was executed')
      expect(existsSync(join(folder, 'pwned'))).toBe(false)
    }
  })

  test('that was named must be there', async () => {
    expectSentence(await trace(folderWith(), ['--env-file', 'gone.env']), 2, 'gone.env')
  })
})

describe('the command line', () => {
  test.for<[args: string[], ...says: (string | RegExp)[]]>([
    [['trace', '--concurrency', '0'], '--concurrency', "'0'", 'at least 1', 'layerline trace --help'],
    [['trace', '--concurrency', '1.5'], '--concurrency', 'whole number'],
    [['trace', '--repeat', 'many'], '--repeat', 'expected a number'],
    [['trace', '--sizes', ','], '--sizes', 'values between commas'],
    [['trace', '--sizes', 'small', '--prompts', 'good.csv'], '--sizes', 'expected a number'],
    [['trace', '--concurency', '2'], "unknown option '--concurency'", 'Did you mean --concurrency?'],
    [['trace', '--endpoint', 'chats'], '--endpoint', 'chat, completions'],
    [['trace', '--url'], '--url', /argument missing/],
    [['trace', 'good.csv'], /too many arguments/],
    [['trace'], 'no prompt file given', '--prompts', 'PROMPT_FILE'],
    [['trace', '--prompts', 'good.csv'], 'no url given', '--url', 'SURF_URL'],
    [['traec'], "unknown command 'traec'", 'Did you mean trace?'],
    [['sql', 'run'], "missing required argument 'SELECT'", 'layerline sql --help'],
    [['export', 'run', '--out', 'x'], 'missing --to'],
    [['export', 'run', '--to', 'xml', '--out', 'x'], '--to', 'parquet'],
    [['demo', '--turns', '99'], '--turns 99', 'at most'],
    [['engine', 'begin'], 'begin', 'install, start, stop, list'],
    [['engine', 'start', 'triton'], 'no engine triton', 'llamacpp'],
  ])('%j', async ([args, ...says]) => {
    expectSentence(await layerline(folderWith(), args), 2, ...says)
  })

  test('--body that is no JSON object', async () => {
    for (const body of ['{min: 3}', '[1]', '"x"', 'null']) {
      const result = await trace(folderWith(), ['--body', body])
      expectSentence(result, 2, '--body', 'expected a JSON object', "--body '{")
      // It may hold a key.
      expect(result.stderr).not.toContain(body)
    }
  })

  test('--header and --ca', async () => {
    expectSentence(await trace(folderWith(), ['--header', 'nonsense']), 2, '--header', 'NAME: VALUE')
    expectSentence(await trace(folderWith(), ['--ca', 'gone.pem']), 2, 'gone.pem', 'PEM')
  })

  test('help and version answer without a run', async () => {
    const folder = folderWith()
    for (const args of [[], ['--help'], ['trace', '--help'], ['--version']]) {
      const { code, stdout, stderr } = await layerline(folder, args)
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).toMatch(args.includes('--version') ? /^\d+\.\d+\.\d+\n$/ : /layerline/)
    }
    expect(readdirSync(folder)).toEqual(['good.csv'])
  })
})

describe('a run', () => {
  let made: string
  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
    writeFileSync(join(folder, 'good.csv'), GOOD)
    expect((await trace(folder)).code).toBe(0)
    made = folder
  })
  afterAll(async () => {
    rmSync(made, { recursive: true, force: true })
  })

  /** A copy of a good run with its run.json changed; every reader of it. */
  function changed(change: (run: RunJson, folder: string) => unknown): string {
    const folder = tempFolder()
    cpSync(join(made, 'run'), join(folder, 'run'), { recursive: true })
    const path = join(folder, 'run', 'run.json')
    const now = change(JSON.parse(readFileSync(path, 'utf8')) as RunJson, join(folder, 'run'))
    writeFileSync(path, typeof now === 'string' ? now : JSON.stringify(now))
    return folder
  }
  const readers = (folder: string) =>
    Promise.all(
      [
        ['report', 'run'],
        ['sql', 'run', 'FROM requests'],
        ['export', 'run', '--to', 'parquet', '--out', 'x'],
      ].map((args) => layerline(folder, args)),
    )

  test('of a newer version', async () => {
    const folder = changed((run) => ({ ...run, format: { major: 2, minor: 0 } }))
    for (const result of [...(await readers(folder)), await layerline(folder, ['recover', 'run'])]) {
      expectSentence(result, 2, 'run.json', /format 2/, /newer/)
    }
  })

  test('that is none', async () => {
    const folder = folderWith({ 'run/x': '' })
    for (const result of await readers(folder)) expectSentence(result, 2, /\brun: no run\.json/)
    expectSentence(await layerline(folder, ['report', 'gone']), 2, /\bgone: no such folder/)
  })

  test('with a damaged run.json', async () => {
    for (const text of ['', '{"format": {"major": 1', '[]', '{"format": {"major": 1, "minor": 0}}']) {
      const folder = changed(() => text)
      for (const result of await readers(folder)) expectSentence(result, 2, /\brun\/run\.json: /)
    }
  })

  test('that is still recorded by a process that does not answer', async () => {
    // This very process stands for the recorder.
    const socket = (folder: string) => join(folder, 'recorder-0.sock')
    const recording = (run: RunJson, folder: string) => ({
      ...run,
      state: 'recording',
      shards: [{ shard: 0, pid: process.pid, pid_start: processStart(process.pid), socket: socket(folder) }],
    })
    const folder = changed(recording)
    const says = new RegExp(`\\brun: still recording, pid ${process.pid}\\b`)
    for (const file of [null, socket(join(folder, 'run'))]) {
      if (file !== null) writeFileSync(file, 'no socket')
      const [report, sql, exported] = await readers(folder)
      expectSentence(report as CliResult, 2, says)
      expectSentence(sql as CliResult, 2, says)
      expectSentence(exported as CliResult, 2, 'not sealed yet')
      expectSentence(await layerline(folder, ['recover', 'run']), 2, says)
    }
  })

  test('that a crash left open names recover', async () => {
    const folder = changed((run) => ({ ...run, state: 'recording', shards: [{ ...run.shards[0], pid_start: '1' }] }))
    const [report, sql, exported] = await readers(folder)
    expectSentence(report as CliResult, 2, 'its recorder is gone', 'layerline recover run')
    expectSentence(sql as CliResult, 2, 'its recorder is gone', 'layerline recover run')
    expectSentence(exported as CliResult, 2, 'not sealed yet', 'layerline recover')
  })

  test('asked in bad SQL', async () => {
    for (const [query, ...says] of [
      ['SELEC 1', 'syntax error'],
      ['SELECT * FROM nope', 'nope does not exist', 'tables: requests'],
      ['SELECT nope FROM requests', 'nope'],
      ['SELECT 1; SELECT 2', 'exactly one SELECT, found 2'],
      ['DROP VIEW requests', 'read-only'],
      ["SELECT * FROM '/etc/passwd'", /passwd|not|denied|disabled/i],
      [' -- nothing', 'expected a SELECT, found nothing'],
      ['', 'expected a SELECT, found nothing'],
    ] as const) {
      expectSentence(await layerline(made, ['sql', 'run', query]), 2, ...says)
    }
    expectSentence(await layerline(made, ['sql', 'run', 'FROM requests', '--json', '--csv']), 2, '--json and --csv')
  })

  test('printed into a pipe that closes is no error', async () => {
    const many = 'SELECT i, repeat(chr(120), 100) AS text FROM range(1000000) t(i)'
    for (const args of [
      ['sql', 'run', many],
      ['sql', 'run', many, '--csv'],
      ['sql', 'run', many, '--json'],
      ['report', 'run', '--json'],
    ]) {
      const { stdout, stderr } = await piped(made, args)
      expect(stderr).toBe('ended with 0\n')
      expect(stdout.split('\n')).toHaveLength(2)
    }
  })
})

describe('--profile', () => {
  test('a server without a profiler is said, with what to do, and the run goes on', async () => {
    const folder = folderWith()
    const { code, stderr } = await trace(folder, ['--profile', '--profile-dir', folder])
    expect([code, stderr]).toEqual([0, expect.stringMatching(/profile: off: .*\/start_profile .*--profiler-config/)])
    expect(await sqlRows(folder, 'run', 'SELECT DISTINCT status, profiled FROM requests')).toEqual([
      { status: 'ok', profiled: false },
    ])
  })

  test.each([
    [['--profile'], '--profile-dir'],
    [['--profile', '--profile-dir', '/tmp', '--profile-window', 'soon'], /soon: expected START\+DURATION/],
    [['--profile', '--profile-dir', 'ssh://-oProxyCommand=x/tmp'], 'no host name'],
    [['--profile', '--profile-dir', 'ssh://host'], 'expected ssh://'],
  ])('%j is refused before anything is sent', async (args, words) => {
    const folder = folderWith()
    expectSentence(await trace(folder, args), 2, words)
    expect(existsSync(join(folder, 'run'))).toBe(false)
  })
})

test('a trace whose output nobody reads any more goes on and is sealed', async () => {
  const folder = folderWith()
  const url = ['--url', server.url, '--body', '{"paced": {"itl_ms": 20}}', '--max-tokens', '8', '--repeat', '4']
  const { stderr, stdout } = await piped(folder, ['trace', '--prompts', 'good.csv', '--out', 'run', ...url])
  expect(stdout).toMatch(/^id=0 /)
  expect(stderr).toContain('ended with 0\n')
  expect(await sqlRows(folder, 'run', 'SELECT status, count(*) AS n FROM requests GROUP BY 1')).toEqual([
    { status: 'ok', n: 8 },
  ])
})

/** `layerline … | head -1`; the exit code of layerline is the last line of stderr. */
async function piped(cwd: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const script = '{ "$@"; echo "ended with $?" >&2; } | head -1'
  const child = spawn('sh', ['-c', script, 'sh', LAYERLINE, ...args], { cwd, env: cleanEnv(), timeout: 400_000 })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
    })
  }
  await once(child, 'close')
  return text
}
