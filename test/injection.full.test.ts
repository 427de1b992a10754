import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { Results } from './injection/results.ts'
import { CHECKOUT, cleanEnv } from './support/cli.ts'

/** The short form of `npm run injection`: what needs no rights, a few injections each. The figures are in docs/late-tokens.md. */
it('late tokens of a stopped engine and of a held-up network are told apart', async () => {
  const child = spawn(
    process.execPath,
    [join(CHECKOUT, 'scripts/injection.mjs'), '--harms', 'sigstop,network', '--seconds', '20', '--skip-calm', '--json'],
    { env: cleanEnv(), stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
    })
  }
  const [code] = await once(child, 'close')
  expect(code, text.stderr).toBe(0)
  const { harmed } = JSON.parse(text.stdout) as Results
  expect(harmed.map(({ cause, not_done }) => ({ cause, not_done }))).toEqual([
    { cause: 'stopped', not_done: null },
    { cause: 'delivery', not_done: null },
  ])
  const other = { stopped: 'delivery', delivery: 'stopped' } as Record<string, string>
  for (const { cause, injections, judged } of harmed) {
    expect(injections).toBeGreaterThan(1)
    const claims = judged.map(({ claimed }) => claimed)
    expect(claims, cause ?? '').toContain(cause)
    expect(claims, cause ?? '').not.toContain(other[cause ?? ''])
  }
})
