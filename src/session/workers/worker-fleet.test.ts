import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { createRunClock } from '../../base/time.ts'
import { OfferGate } from '../live/offer-gate.ts'
import type { Desk } from '../offer.ts'
import { StopSignal } from '../stop-signal.ts'
import { WorkerFleet } from './worker-fleet.ts'

const before = process.argv[1]
afterEach(() => {
  process.argv[1] = before ?? ''
})

/** A fleet whose workers run this instead of the program; `deaths`: how many of them die before they are done. */
async function offered(deaths: number): Promise<WorkerFleet> {
  const folder = tempFolder()
  const program = join(folder, 'worker.mjs')
  writeFileSync(
    program,
    `process.send({ type: 'hello' })
    process.on('message', (told) => {
      if (told.type === 'task') {
        globalThis.index = told.task.shard.index
        process.send({ type: 'ready' })
      }
      if (told.type !== 'start') return
      if (globalThis.index < ${deaths}) process.kill(process.pid, 'SIGKILL')
      else process.send({ type: 'done', facts: {}, dropped: {} }, () => process.exit())
    })`,
  )
  process.argv[1] = program
  const server = { server: 'unknown', version: null, models: [], address: null } as never
  const fleet = new WorkerFleet({ loop: 'open', workers: 2, seed: 1, server, planned: 4, commandLine: [] })
  const clock = createRunClock()
  const desk = { clock, stop: new StopSignal(), gate: new OfferGate(clock.now) } as unknown as Desk
  const run = { folder, runId: 'r', addShards() {}, countDropped() {}, noteUncommitted() {}, merged() {} }
  await fleet.offer(desk, run)
  return fleet
}

it('goes on with the others when one worker dies, and counts it', async () => {
  expect((await offered(0)).facts()).toMatchObject({ workers_lost: 0 })
  expect((await offered(1)).facts()).toMatchObject({ workers_lost: 1 })
})

it('fails when all of them have died', async () => {
  await expect(offered(2)).rejects.toMatchObject({ code: 'internal/workers', exitCode: 5 })
})
