import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { memoryContext, until } from '../../../test/support/memory-context.ts'
import type { Toggle } from '../../sources/source.ts'
import { Certifier } from './certifier.ts'

/** A layer that records when it was off, and takes a while to switch. */
function layer(name: string, off: Toggle['off'], now: () => number, fails = false) {
  const outs: { fromNs: number; toNs: number }[] = []
  let fromNs: number | null = null
  const toggle: Toggle = {
    name,
    off,
    async pause() {
      fromNs = now()
      await sleep(20)
    },
    async resume() {
      if (fails) throw new Error('it is broken')
      await sleep(20)
      if (fromNs !== null) outs.push({ fromNs, toNs: now() })
      fromNs = null
    },
  }
  return { toggle, outs, out: () => fromNs }
}

it('writes blocks in which each layer was what they say, and none of a layer that cannot be switched', async () => {
  const run = memoryContext()
  const { now } = run.context.clock
  const [host, os, broken] = [
    layer('host', 'paused', now),
    layer('os', 'detached', now),
    layer('gpu', 'paused', now, true),
  ]
  const certifier = new Certifier(run.context, [os.toggle, host.toggle, broken.toggle], { seed: 4, blockS: 0.1 })
  expect(await until(() => os.outs.length >= 2)).toBe(true)
  await certifier.stop()
  for (const each of [host, os]) {
    const fromNs = each.out()
    if (fromNs !== null) each.outs.push({ fromNs, toNs: Number.POSITIVE_INFINITY })
  }

  const tracks = run.tracks().map(({ track_id, name, attrs }) => ({ track_id, name, ...JSON.parse(attrs ?? '{}') }))
  expect(tracks).toMatchObject([
    { name: 'certify', certifies: 'host', off: 'paused', block_ns: 0.1e9 },
    { name: 'certify', certifies: 'gpu', off: 'paused', block_ns: 0.2e9 },
    { name: 'certify', certifies: 'os', off: 'detached', block_ns: 0.4e9 },
  ])
  const blocksOf = (name: string) => {
    const { track_id } = tracks.find(({ certifies }) => certifies === name) ?? { track_id: -1 }
    return run.gaps().filter((slice) => slice.track_id === track_id)
  }
  for (const [name, { outs }] of Object.entries({ host, os })) {
    const blocks = blocksOf(name)
    expect(new Set(blocks.map((block) => block.name))).toEqual(new Set([`${name} on`, `${name} off`]))
    for (const block of blocks) {
      const [a, b] = [block.t_ns, block.t_ns + block.dur_ns]
      const { on } = JSON.parse(block.args ?? '{}') as { on: 0 | 1 }
      // Completely off, or completely on.
      const within = outs.some(({ fromNs, toNs }) => fromNs <= a && b <= toNs)
      const touched = outs.some(({ fromNs, toNs }) => fromNs < b && a < toNs)
      expect({ within, touched }).toEqual({ within: on === 0, touched: on === 0 })
      expect(block.category).toBe('certify')
    }
  }
  // It was switched off and could not be switched on again: the windows before that count.
  expect(run.notes).toEqual(['certify: gpu cannot be switched any more: it is broken'])
  const last = Math.max(...blocksOf('gpu').map(({ t_ns }) => t_ns), Number.NEGATIVE_INFINITY)
  expect(last).toBeLessThan(Math.max(...blocksOf('host').map(({ t_ns }) => t_ns)))
})

it('ends a block at once when the run ends, and says where there is nothing to take out', async () => {
  const run = memoryContext()
  const host = layer('host', 'paused', run.context.clock.now)
  const certifier = new Certifier(run.context, [host.toggle], { seed: 1, blockS: 3600 })
  await certifier.stop()
  expect(run.gaps()).toEqual([])
  await new Certifier(run.context, [], { seed: 1, blockS: 3600 }).stop()
  expect(run.notes).toEqual(['certify: this run has no layer that can be switched off'])
})
