import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RunJson } from '../src/trace/run-json.ts'
import { type RunningPacedServer, startPacedServer } from './paced-server/start.ts'
import { LAYERLINE, sqlRows, startLayerline, until } from './support/cli.ts'
import { missingProgram, needs } from './support/needs.ts'
import { checkMetrics } from './support/promtool.ts'
import { tempFolder } from './support/temp-folder.ts'
import { startTmux, type Tmux } from './support/tmux.ts'
import { watched } from './support/watched-trace.ts'

let server: RunningPacedServer
beforeAll(async () => {
  server = await startPacedServer({ paced: { ttft_ms: 40, itl_ms: 10, usage: 'continuous' } })
})
afterAll(() => server?.stop())

const runJson = (folder: string) => JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as RunJson
const READY = /ready>\s*$/

/** Starts a watched trace in a real terminal. */
async function watchIn(
  size: { columns: number; rows: number },
  requests: number,
  more: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<{ folder: string; terminal: Tmux }> {
  const folder = tempFolder()
  const terminal = await startTmux(size, env)
  await terminal.shows(READY)
  const line = [LAYERLINE, ...watched(folder, server.url, requests, more)].join(' ')
  await terminal.keys('-l', `cd ${folder}; ${line}; echo exit=$?`)
  await terminal.keys('Enter')
  await terminal.shows(/● recording/)
  return { folder, terminal }
}

/** The terminal is as the shell had it: its own screen, cursor, and lines that are echoed. */
async function expectRestored(terminal: Tmux): Promise<void> {
  expect(await terminal.ask('#{alternate_on} #{cursor_flag} #{wrap_flag}')).toBe('0 1 1')
  await terminal.keys('-l', 'echo ec""ho $(stty -a | grep -o " -\\?icanon\\| -\\?echo ")')
  await terminal.keys('Enter')
  await terminal.shows(/^echo icanon echo\s*$/m)
}

describe('the dashboard in a real terminal', () => {
  needs(missingProgram('tmux'))

  test('shows the run, follows resizes and keys, and seals on q', async () => {
    const { folder, terminal } = await watchIn({ columns: 80, rows: 24 }, 5000)
    const small = await terminal.shows(/4 in flight/)
    expect(small.join('\n')).toMatch(/trace paced · 127\.0\.0\.1:\d+ .*● recording +0:\d\d/)
    expect(small).toHaveLength(24)
    for (const title of ['requests/s', 'output tokens/s', 'TTFT p95', 'TPOT p95'])
      expect(small.join('\n')).toContain(title)
    await terminal.shows(/[⣀-⣿]/)

    await terminal.resize(140, 45)
    const large = await terminal.shows(/in flight .*ITL p95/)
    expect(large[0]).toMatch(/^ layerline trace.{80,}● recording +0:\d\d\s*$/)
    expect(large.at(-1)).toMatch(/^ 1 load {2}2 latency {2}3 machine {2}│ last 1:00.*\? help\s*$/)
    await terminal.resize(80, 24)
    await vi.waitFor(async () => expect((await terminal.screen()).at(-1)).toMatch(/^ 1 load.*\? help\s*$/), 300_000)

    await terminal.keys('2')
    await terminal.shows(/ITL p95/)
    await terminal.keys('Tab')
    await terminal.shows(/client cores/)
    await terminal.keys('+')
    await terminal.shows(/last 0:30/)
    await terminal.keys('-', '-')
    await terminal.shows(/last 2:00/)
    await terminal.keys('?')
    await terminal.shows(/bytes of the SSE stream/)
    await terminal.keys('?', '1')
    await terminal.shows(/requests\/s/)

    await terminal.keys('Space')
    await terminal.shows(/● paused/)
    await terminal.shows(/ 0 in flight/)
    const { requests: held } = await server.truth()
    await terminal.keys('Space')
    await terminal.shows(/● recording/)
    await vi.waitFor(async () => {
      expect(Object.keys((await server.truth()).requests).length).toBeGreaterThan(Object.keys(held).length)
    }, 300_000)

    await terminal.keys('q')
    await terminal.shows(/exit=130/)
    await expectRestored(terminal)
    expect(runJson(folder)).toMatchObject({ state: 'sealed', ended_by: 'signal' })
    const [run] = await sqlRows(
      folder,
      'run',
      `SELECT count(*)::INT AS n, count(*) FILTER (status = 'ok')::INT AS ok FROM requests`,
    )
    expect(run?.n).toBeGreaterThan(20)
    expect(run?.ok).toBe(run?.n)
    const pauses = await sqlRows(folder, 'run', `SELECT dur_ns FROM slices WHERE category = 'pause'`)
    expect(pauses).toHaveLength(1)
  })

  test('gives the terminal back at Ctrl-C, at a signal, and when the process crashes', async () => {
    const { folder, terminal } = await watchIn({ columns: 100, rows: 30 }, 5000)
    await terminal.keys('C-c')
    await terminal.shows(/exit=130/)
    await expectRestored(terminal)
    expect(runJson(folder).state).toBe('sealed')

    const again = await watchIn({ columns: 100, rows: 30 }, 5000)
    process.kill(runJson(again.folder).shards[0]?.pid as number, 'SIGTERM')
    await again.terminal.shows(/exit=130/)
    await expectRestored(again.terminal)

    const crash = join(tempFolder(), 'crash.mjs')
    writeFileSync(
      crash,
      `import { existsSync } from 'node:fs'
      setInterval(() => { if (existsSync('crash')) throw new Error('crashed') }, 100).unref()`,
    )
    const broken = await watchIn({ columns: 100, rows: 30 }, 5000, [], { NODE_OPTIONS: `--import=${crash}` })
    writeFileSync(join(broken.folder, 'crash'), '')
    await broken.terminal.shows(/crashed[\s\S]*exit=[1-9]/)
    await expectRestored(broken.terminal)
  })

  test('writes no colour where NO_COLOR asks for none, and ends by itself', async () => {
    const { folder, terminal } = await watchIn({ columns: 90, rows: 26 }, 60, [], { NO_COLOR: '1' })
    await terminal.shows(/ in flight/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none is to be there
    expect((await terminal.screen(true)).join('\n')).not.toMatch(/\x1b\[[0-9;]*m/)
    await terminal.shows(/exit=0/)
    await expectRestored(terminal)
    expect(runJson(folder)).toMatchObject({ state: 'sealed', ended_by: 'done' })
  })
})

describe('the page of metrics', () => {
  needs(missingProgram('promtool'))

  test("passes Prometheus's own checker", async () => {
    const folder = tempFolder()
    const cli = startLayerline(folder, watched(folder, server.url, 400, ['--metrics-port', '0']))
    await cli.prints('stderr', /metrics: http\S+\n/)
    const url = /metrics: (\S+)/.exec(cli.stderr())?.[1] as string
    await until(async () => /^layerline_requests_total\{.*ok.*\} [1-9]/m.test(await (await fetch(url)).text()))
    expect(checkMetrics(await (await fetch(url)).text())).toEqual({ problems: '', status: 0 })
    process.kill(cli.pid, 'SIGINT')
    expect((await cli.ended).code).toBe(130)
  })
})
