import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { writeAzureLike } from '../bench/arrivals/azure-like.ts'
import type { Measured } from '../bench/arrivals/measure.ts'
import { CHECKOUT } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

/** One reading in a process of its own, which knows the most memory that it ever had. */
function measure(how: 'direct' | 'cache', file: string, folder: string): Measured {
  const args = [join(CHECKOUT, 'dist/bench/arrivals.js'), '--measure', how, '--file', file, '--folder', folder]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as Measured
}

it('memory does not grow with a trace, read directly, into a copy or from it; nothing is lost on the way', async () => {
  const folder = tempFolder()
  const [small, large] = [join(folder, 'small.csv'), join(folder, 'large.csv')]
  await writeAzureLike(small, { rows: 300_000, seed: 1, rate: 73 })
  const written = await writeAzureLike(large, { rows: 1_500_000, seed: 1, rate: 73 })
  const expected = {
    rows: written.rows,
    inputTokens: written.inputTokens,
    outputTokens: written.outputTokens,
    spanUs: written.spanUs,
  }
  const before = measure('direct', small, folder)
  const direct = measure('direct', large, folder)
  expect(direct).toMatchObject(expected)
  // As arrivals in a list these would be 150 MB.
  expect(direct.peakRssMb - before.peakRssMb).toBeLessThan(64)
  for (const what of ['made', 'read']) {
    const copy = measure('cache', large, join(folder, 'cache'))
    expect(copy, what).toMatchObject(expected)
    expect(copy.peakRssMb, what).toBeLessThan(400)
  }
})

it('an unsorted trace is sorted on disk, in bounded memory', async () => {
  const folder = tempFolder()
  const file = join(folder, 'late.csv')
  const written = await writeAzureLike(file, { rows: 600_000, seed: 2, rate: 73, lateEvery: 1000 })
  const found = measure('direct', file, folder)
  expect(found).toMatchObject({ rows: written.rows, inputTokens: written.inputTokens, spanUs: written.spanUs })
  expect(found.peakRssMb).toBeLessThan(400)
})
