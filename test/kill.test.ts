import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { openRun } from '../src/store/read/open-run.ts'
import { recoverRun } from '../src/store/seal/recover.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Kills at random moments; more with LAYERLINE_KILLS. */
const KILLS = Number(process.env.LAYERLINE_KILLS ?? 4)
const LOSS_NS = 250e6

/**
 * A recorder of 1,000 rows a second that notes, in a file the kernel keeps, the time of the last row it wrote: what
 * may be lost is measured from there, not from when the signal was sent.
 */
const RECORDER = `
import { openSync, writeSync } from 'node:fs'
const { Recording } = await import(process.argv[1])
const recording = await Recording.start({ command: 'test', out: process.argv[2], config: {}, sampling: {}, seed: 1, hosts: [], engine: null }, (e) => { throw e })
const fd = openSync(process.argv[3], 'w')
const { offers, counters } = recording.store.writers
offers.append({ request_id: 9, shard: 0, scheduled_ns: 0, sent_ns: 0, phase: 1, repeat: 0 })
let row = 0
setInterval(() => {
  const due = Math.floor(recording.clock.now() / 1e6)
  for (; row < due; row++) counters.append({ track_id: 1, t_ns: recording.clock.now(), value: row })
  writeSync(fd, JSON.stringify({ rows: row, t_ns: recording.clock.now() }).padEnd(80), 0)
}, 1)
process.stdout.write('ready\\n')
`

async function recorder(out: string, note: string): Promise<ChildProcess> {
  const module = new URL('../dist/src/session/recording.js', import.meta.url).href
  const child = spawn(process.execPath, ['--input-type=module', '-e', RECORDER, module, out, note], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (child.stdout === null) throw new Error('no stdout')
  const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the recorder ended with ${code}`)))
  died.catch(() => {})
  await Promise.race([once(createInterface({ input: child.stdout }), 'line'), died])
  return child
}

test.for(Array.from({ length: KILLS }, (_, i) => i))('kill -9 loses at most the last 250 ms (%i)', async () => {
  const folder = tempFolder()
  const out = join(folder, 'run')
  const child = await recorder(out, join(folder, 'note'))
  const exited = once(child, 'exit')
  await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1500))
  child.kill('SIGKILL')
  await exited

  await expect(openRun(out)).rejects.toMatchObject({
    code: 'input/run-open',
    hint: expect.stringContaining('layerline recover'),
  })
  await recoverRun(out)
  const run = await openRun(out)
  const [kept] = await run.query('SELECT count(*) AS n, max(value) AS last, max(t_ns) AS t_ns FROM counters')
  const interrupted = await run.query("SELECT request_id FROM requests WHERE status = 'interrupted'")
  await run.close()
  const written = JSON.parse(readFileSync(join(folder, 'note'), 'utf8')) as { rows: number; t_ns: number }
  expect(kept?.last).toBe((kept?.n as number) - 1)
  expect(written.t_ns - (kept?.t_ns as number)).toBeLessThan(LOSS_NS)
  expect(interrupted).toEqual([{ request_id: 9 }])
})
