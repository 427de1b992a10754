import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { builtFile } from '../src/base/package-files.ts'
import { openRun } from '../src/store/read/open-run.ts'
import { recoverRun } from '../src/store/seal/recover.ts'
import { killedRecording, REGIMES } from './kills/killed-recording.ts'
import { WORK, WorkKills } from './kills/killed-work.ts'
import { startPacedServer } from './paced-server/start.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Kills at random moments; `npm run test:kills` has many, against a server's account. */
const KILLS = 3
/** What may be lost on a machine that lets every thread run when it is due. */
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
  const module = builtFile('src/session/recording').href
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
  // How late this process's own timers are is how late the recorder's may be.
  const delays = monitorEventLoopDelay({ resolution: 5 })
  delays.enable()
  await new Promise((resolve) => setTimeout(resolve, 300 + Math.random() * 1500))
  child.kill('SIGKILL')
  delays.disable()
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
  expect(written.t_ns - (kept?.t_ns as number)).toBeLessThan(LOSS_NS + 4 * delays.max)
  expect(interrupted).toEqual([{ request_id: 9 }])
})

test('a killed run holds each answer from its first event on, without a hole, and nothing that the server did not send', async () => {
  const server = await startPacedServer()
  try {
    const { kept, written, wrong } = await killedRecording(server, REGIMES.ordinary, tempFolder(), 1500)
    expect(wrong).toBe(0)
    expect(kept).toBeGreaterThan(0)
    expect(kept).toBeLessThanOrEqual(written)
  } finally {
    await server.stop()
  }
})

test.for(WORK)('a kill while %s costs nothing and leaves nothing behind', async (name) => {
  const work = new WorkKills(name, join(tempFolder(), name))
  await work.prepare()
  for (const share of [0.1 + 0.4 * Math.random(), 0.5 + 0.5 * Math.random()])
    expect(await work.kill(share)).toMatchObject({ whole: true, left: [] })
})
