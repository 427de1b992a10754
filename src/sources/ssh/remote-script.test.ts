import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { needs } from '../../../test/support/needs.ts'
import { parseUnixUs } from '../host-clock.ts'
import { MARK, runScript } from './remote-script.ts'

const SAY = `say() { printf '${MARK} %s\\n' "$*" >&2; }\n`
const folder = mkdtempSync(join(tmpdir(), 'layerline-script-'))
afterAll(() => rmSync(folder, { recursive: true }))

const has = (command: string): boolean => spawnSync(command, ['--version']).error === undefined

async function converse(child: ChildProcess, answerer: string, questions: string): Promise<string> {
  let said = ''
  child.stderr?.on('data', (text: Buffer) => {
    said += text
  })
  const closed = once(child, 'close')
  child.stdin?.write(SAY + runScript(null, answerer))
  while (!said.includes('started')) await new Promise((resolve) => setTimeout(resolve, 5))
  child.stdin?.end(questions)
  await closed
  return said
}

describe.each(['bash', 'perl', 'python3', 'date'])('the far end with %s', (answerer) => {
  needs(answerer === 'date' || has(answerer) ? null : `${answerer} is not installed: install ${answerer}`)

  it('tells the time and reads files, until its input ends', async () => {
    writeFileSync(join(folder, 'one'), 'first\n\nlast %s \\n "$HOME" `id`\n')
    writeFileSync(join(folder, 'two'), 'x'.repeat(100_000))
    const before = Date.now()
    const child = spawn('sh', [], { stdio: 'pipe' })
    const said = await converse(child, answerer, `p 1\nr 2 ${folder}/one ${folder}/absent ${folder}/t*\np 3\n`)
    const after = Date.now()
    expect(child.exitCode).toBe(0)
    const times = [...said.matchAll(/^@layerline [pr] (\d) (\S+)$/gm)].map(
      ([, id, stamp]) => [id, parseUnixUs(stamp ?? '') / 1000] as const,
    )
    expect(times.map(([id]) => id)).toEqual(['1', '2', '3'])
    for (const [, ms] of times) {
      expect(ms).toBeGreaterThan(before - 2)
      expect(ms).toBeLessThan(after + 2)
    }
    const one = readFileSync(join(folder, 'one'), 'utf8')
    expect(said).toContain(`\n@layerline f ${folder}/one\n${one}`)
    expect(said).toContain(`\n@layerline f ${folder}/two\n${'x'.repeat(100_000)}\n`)
    expect(said).toMatch(/\n@layerline e 2\n/)
    expect(said).not.toContain(`f ${folder}/absent`)
  })
})
