import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import { processStart } from '../src/base/process-identity.ts'
import type { RunJson } from '../src/trace/run-json.ts'
import { layerline, sqlRows, startLayerline } from './support/cli.ts'
import { useOwnCache } from './support/own-cache.ts'
import { tempFolder } from './support/temp-folder.ts'

const cache = useOwnCache()
const env = { LAYERLINE_CACHE: cache.folder }

const runOf = (folder: string) => JSON.parse(readFileSync(join(folder, 'run', 'run.json'), 'utf8')) as RunJson

test('demo talks, shows what happened, and leaves nothing behind', async () => {
  const folder = tempFolder()
  const { code, stdout, stderr } = await layerline(folder, ['demo', '--turns', '2'], { env })
  expect(code, stderr).toBe(0)
  expect(cache.processes()).toEqual([])
  const [name = ''] = readdirSync(join(folder, 'runs'))
  const run = join('runs', name)

  const rows = await sqlRows(
    folder,
    run,
    "SELECT status, turn, session_id, input_tokens, output_tokens, prompt, output FROM requests JOIN texts USING (request_id) WHERE phase = 'measured' ORDER BY turn",
  )
  expect(rows).toMatchObject([
    { status: 'ok', turn: 0, session_id: 'conversation' },
    { status: 'ok', turn: 1, session_id: 'conversation' },
  ])
  // The conversation is printed, and the second turn carries the first one's answer along.
  const oneLine = (text: unknown) => String(text).replaceAll(/\s+/g, ' ').trim()
  for (const { output, output_tokens } of rows) {
    expect(oneLine(stdout)).toContain(oneLine(output))
    expect(stdout).toContain(`${output_tokens} tokens`)
  }
  expect(JSON.parse(rows[1]?.prompt as string).map(({ role }: { role: string }) => role)).toEqual([
    'system',
    'user',
    'assistant',
    'user',
  ])
  expect(rows[1]?.prompt).toContain(JSON.stringify(rows[0]?.output).slice(1, -1))

  const report = JSON.parse((await layerline(folder, ['report', run, '--json'])).stdout) as Report
  const sum = (column: string) => rows.reduce((all, row) => all + Number(row[column]), 0)
  expect(report.tokens).toMatchObject({ input_tokens: sum('input_tokens'), output_tokens: sum('output_tokens') })
  expect(stdout).toMatch(/every answer[\s\S]*[▁▂▃▄▅▆▇█]{8}[\s\S]*where the time went[\s\S]*engine/)
  const next = stdout.slice(stdout.indexOf('next:'))
  expect(next.match(/^ {2}\S*layerline /gm)).toHaveLength(4)
  expect(next).toContain(`layerline serve ${run}`)
})

test('demo --json prints the report alone', async () => {
  const folder = tempFolder()
  const args = ['demo', '--turns', '1', '--json', '--out', 'run']
  const { code, stdout, stderr } = await layerline(folder, args, { env })
  expect(code, stderr).toBe(0)
  const report = JSON.parse(stdout) as Report
  expect(report.offered).toMatchObject({ requests: 1, ok: 1 })
  expect(report.run).toMatchObject({ command: 'demo', state: 'sealed', same_host: true })
  const [row] = await sqlRows(
    folder,
    'run',
    `SELECT output_tokens, (SELECT sum(tokens)::DOUBLE FROM chunks c WHERE c.request_id = r.request_id) AS n
      FROM requests r WHERE phase = 'measured'`,
  )
  expect(row).toEqual({ output_tokens: report.tokens.output_tokens, n: report.tokens.output_tokens })
  expect(runOf(folder).engine?.model_sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(cache.processes()).toEqual([])
})

test('Ctrl-C in the middle seals what was said', async () => {
  const folder = tempFolder()
  const cli = startLayerline(folder, ['demo', '--turns', '6', '--out', 'run'], { env })
  // The question, and the first words of its answer.
  await cli.prints('stdout', /^> .*\n\w+/m)
  process.kill(cli.pid, 'SIGINT')
  const { code, stdout, stderr } = await cli.ended
  expect(code, stderr).toBe(130)
  expect(stdout).toContain('stopping')
  expect(runOf(folder).state).toBe('sealed')
  const rows = await sqlRows(folder, 'run', "SELECT status FROM requests WHERE phase = 'measured'")
  expect(rows).toHaveLength(1)
  expect(rows[0]?.status).toMatch(/^(ok|interrupted)$/)
  expect(cache.processes()).toEqual([])
})

test('Ctrl-C before the engine runs ends it at once, without a run', async () => {
  const folder = tempFolder()
  const empty = tempFolder()
  // An install that never ends, by this very process, holds it up.
  writeFileSync(join(empty, 'install.lock'), `${process.pid} ${processStart(process.pid)}`)
  const cli = startLayerline(folder, ['demo', '--out', 'run'], { env: { LAYERLINE_CACHE: empty } })
  await cli.prints('stderr', /layerline: .*\n/)
  process.kill(cli.pid, 'SIGINT')
  expect(await cli.ended).toMatchObject({ code: 130, signal: null })
  expect(existsSync(join(folder, 'run'))).toBe(false)
})
