import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { PROBE_ALIASES, PROBE_SETS, PROBE_SETS_ON_REQUEST, probeSet } from './probe-sets.ts'

/** Files that every recording has, or that a window of one adds. */
const OF_THE_LAYER = ['follow', 'oncpu']

it('every file of bpf/ is in a set of probes, and every set of files that there are', () => {
  const there = readdirSync('bpf').flatMap((name) => /^(.*)\.bt$/.exec(name)?.[1] ?? [])
  const used = [...PROBE_SETS, ...PROBE_ALIASES].flatMap((name) => probeSet(name).files.map((file) => file.name))
  expect([...new Set([...used, ...OF_THE_LAYER])].sort()).toEqual(there.sort())
})

it('what costs most, or prints a line for each event, is on only by its name', () => {
  expect(PROBE_SETS_ON_REQUEST).toEqual(['arrivals', 'cpu', 'syscalls'])
})
