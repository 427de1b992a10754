import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { layerline, startLayerline, until } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

vi.setConfig({ testTimeout: 120_000 })

/** So many events that reading them takes a while. */
const EVENTS = 400_000

let folder = ''

function makeBigTrace(): void {
  mkdirSync(join(folder, 'tmp'))
  const file = openSync(join(folder, 'big.json'), 'w')
  writeSync(file, '{"traceEvents": [\n')
  for (let at = 0; at < EVENTS; at += 1000) {
    const lines = Array.from({ length: 1000 }, (_, i) => {
      return `{"ph":"X","cat":"cpu_op","name":"op ${i % 50}","pid":1,"tid":1,"ts":${(at + i) * 10},"dur":5},\n`
    })
    writeSync(file, lines.join(''))
  }
  writeSync(file, '{"ph":"X","cat":"cpu_op","name":"last","pid":1,"tid":1,"ts":0,"dur":1}]}\n')
  closeSync(file)
}

/** Everything of a command in a folder whose temporary files are looked at, too. */
const start = (...args: string[]) => startLayerline(folder, args, { env: { TMPDIR: join(folder, 'tmp') } })
const left = () => [...readdirSync(folder), ...readdirSync(join(folder, 'tmp'))].sort()

test('an import that is interrupted leaves nothing; one that is killed can be recovered; so can an export be interrupted', async () => {
  folder = tempFolder()
  makeBigTrace()
  const before = left()
  const cut = start('import', 'big.json', '--out', 'cut')
  await until(() => cut.child.exitCode !== null || existsSync(join(folder, 'cut', 'run.json')), 5)
  process.kill(cut.pid, 'SIGINT')
  expect((await cut.ended).code).toBe(130)
  expect(left()).toEqual(before)

  const killed = start('import', 'big.json', '--out', 'killed')
  await until(() => killed.child.exitCode !== null || existsSync(join(folder, 'killed', 'live-0.duckdb')), 5)
  process.kill(killed.pid, 'SIGKILL')
  expect((await killed.ended).signal).toBe('SIGKILL')
  const recover = await layerline(folder, ['recover', 'killed'])
  expect(recover.code, recover.stderr).toBe(0)
  expect(JSON.parse(readFileSync(join(folder, 'killed', 'run.json'), 'utf8'))).toMatchObject({ ended_by: 'crash' })
  expect(readdirSync(join(folder, 'killed')).filter((name) => /live|tmp/.test(name))).toEqual([])

  expect(await layerline(folder, ['import', 'big.json', '--out', 'run'])).toMatchObject({ code: 0 })
  const whole = left()
  const exported = start('export', 'run', '--to', 'chrome', '--out', 'out.json')
  await until(() => exported.child.exitCode !== null || existsSync(join(folder, 'out.json.tmp')), 5)
  process.kill(exported.pid, 'SIGTERM')
  expect((await exported.ended).code).toBe(130)
  expect(left()).toEqual(whole)
})
