import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { CHECKOUT, cleanEnv } from './support/cli.ts'
import { isGone } from './support/kernel-batch.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Runs one of the tests that break a rule of the suite. */
function runBroken(name: string, env: Record<string, string> = {}) {
  const config = join(CHECKOUT, 'test/fixtures/suite/vitest.config.ts')
  const args = [join(CHECKOUT, 'node_modules/vitest/vitest.mjs'), 'run', '--config', config, name]
  const given = cleanEnv({ ...env, CI: undefined, LEFTOVER_GRACE_MS: '500' })
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env: given, encoding: 'utf8' })
  return { status, said: stdout + stderr, last: stdout.trimEnd().split('\n').at(-1) }
}

test('tests that leave a process behind fail, also where it has left its parents; it is named and ended', async () => {
  const file = join(tempFolder(), 'pid')
  const { status, said, last } = runBroken('leaves-a-daemon', { LEFT_PID: file })
  const pid = Number(readFileSync(file, 'utf8'))
  expect(pid).toBeGreaterThan(0)
  expect(status).toBe(1)
  expect(last).toMatch(/^1 passed, [1-9]\d* failed, 0 skipped$/)
  expect(said).toContain(`${pid} sleep 300`)
  await expect.poll(() => isGone(pid)).toBe(true)
})

test('an interrupted run leaves neither its workers behind nor what they started', async () => {
  const file = join(tempFolder(), 'pids')
  const args = ['scripts/test.mjs', '--config', 'test/fixtures/suite/vitest.config.ts', 'waits']
  const child = spawn(process.execPath, args, { cwd: CHECKOUT, env: cleanEnv({ LEFT_PID: file }), stdio: 'ignore' })
  const ended = once(child, 'exit')
  await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')).toBe(true)
  const pids = readFileSync(file, 'utf8').trim().split(' ').map(Number)
  child.kill('SIGINT')
  expect((await ended)[0]).toBe(130)
  expect(pids).toHaveLength(2)
  for (const pid of pids) await expect.poll(() => isGone(pid)).toBe(true)
})

test('a skip that gives no reason fails, and one that does is told', () => {
  const { status, said, last } = runBroken('skips-silently')
  expect(status).toBe(1)
  expect(last).toBe('0 passed, 1 failed, 2 skipped')
  expect(said).toContain('skips-silently.broken.ts > says why: the moon is not full: wait')
})

test('what heavy tests fetch is told before they do', async () => {
  const { missingDownloads } = (await import(join(CHECKOUT, 'scripts/downloads.mjs'))) as {
    missingDownloads(kinds: string[]): Promise<{ lines: string[]; folder: string }>
  }
  const before = process.env.LAYERLINE_CACHE
  process.env.LAYERLINE_CACHE = tempFolder()
  onTestFinished(() => {
    if (before === undefined) delete process.env.LAYERLINE_CACHE
    else process.env.LAYERLINE_CACHE = before
  })
  const [core, all] = await Promise.all([missingDownloads(['unit']), missingDownloads(['unit', 'full'])])
  expect(core.folder).toBe(process.env.LAYERLINE_CACHE)
  expect(core.lines).toHaveLength(2)
  expect(all.lines.join('\n')).toContain('vLLM')
  for (const name of readdirSync(join(CHECKOUT, 'test')).filter((each) => each.endsWith('.full.test.ts'))) {
    const text = readFileSync(join(CHECKOUT, 'test', name), 'utf8')
    for (const [, requirement = ''] of text.matchAll(/pythonWith\('([^']+)'\)/g)) {
      expect(all.lines.join('\n'), name).toContain(requirement.replace('==', '-'))
    }
  }
  for (const line of all.lines) expect(line, line).toMatch(/, [1-9]\d* MB$/)
})

test('no test is of those that are skipped without saying why', () => {
  const files = ['src', 'bench', 'test'].flatMap((folder) =>
    readdirSync(join(CHECKOUT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join(CHECKOUT, folder, name)),
  )
  expect(files.length).toBeGreaterThan(100)
  const silent = files.filter((file) =>
    /\b(it|test|describe)\.(skip|skipIf|runIf|todo)\(/.test(readFileSync(file, 'utf8')),
  )
  expect(silent).toEqual([])
})

test('each long command is told in docs/testing.md', () => {
  const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as { scripts: object }
  const page = readFileSync(join(CHECKOUT, 'docs/testing.md'), 'utf8')
  const long = Object.keys(scripts).filter((name) => name.startsWith('test:'))
  for (const name of long) expect(page, name).toMatch(new RegExp(`^\\| \`npm run ${name}[ \`]`, 'm'))
  for (const [, name = ''] of page.matchAll(/npm run (test:[\w-]+)/g)) expect(long).toContain(name)
})
