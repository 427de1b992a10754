import { expect, it } from 'vitest'
import { memoryRun, type Tables } from '../../../test/support/memory-run.ts'
import { coldStarts } from './cold-start.ts'

const MB = 1e6

/** A process that maps weights so often, with what storage gave meanwhile. */
async function cacheOf(mappings: readonly { name: string; bytes: number }[], storageBytes: number) {
  const texts = ['weights', ...new Set(mappings.map(({ name }) => name))]
  const slices: NonNullable<Tables['slices']> = [
    { slice_id: 1, track_id: 1, t_ns: 1e9, dur_ns: 1e9, name_id: 0, category: 'load_phase' },
    ...mappings.map(({ name, bytes }, i) => ({
      ...{ slice_id: 2 + i, track_id: 1, t_ns: 1.1e9, dur_ns: 1e3, name_id: texts.indexOf(name) },
      ...{ category: 'map_weights', bytes },
    })),
  ]
  const reader = await memoryRun({
    strings: texts.map((text, id) => ({ id, text })),
    tracks: [
      { track_id: 1, layer: 'os', name: 'load', process: '7 python' },
      { track_id: 2, layer: 'os', name: 'storage_read_bytes', process: '7 python' },
    ],
    slices,
    counters: [{ track_id: 2, t_ns: 1.5e9, value: storageBytes }],
  })
  try {
    return (await coldStarts(reader, new Set()))[0]?.page_cache
  } finally {
    await reader.close()
  }
}

it('the page cache is judged by what storage gave of the weights', async () => {
  const mappings = [
    { name: 'map a', bytes: 300 * MB },
    { name: 'map b', bytes: 100 * MB },
  ]
  expect(await cacheOf(mappings, 380 * MB)).toBe('cold')
  expect(await cacheOf(mappings, 120 * MB)).toBe('partly')
  expect(await cacheOf(mappings, 10 * MB)).toBe('warm')
})

it('a file that is mapped twice has its bytes once', async () => {
  const twice = Array.from({ length: 2 }, () => ({ name: 'map a', bytes: 269 * MB }))
  expect(await cacheOf(twice, 250 * MB)).toBe('cold')
  // In pieces, it has them all.
  const pieces = [100, 169].map((mb) => ({ name: 'map a', bytes: mb * MB }))
  expect(await cacheOf(pieces, 100 * MB)).toBe('partly')
})
