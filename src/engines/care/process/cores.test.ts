import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { expect, it } from 'vitest'
import { allowedCores, usableCores } from './cores.ts'

it('reads the kernel’s list of cores', () => {
  expect(allowedCores('0-3,8')).toEqual([0, 1, 2, 3, 8])
  expect(allowedCores('5')).toEqual([5])
  expect(allowedCores('')).toEqual([])
})

it('finds the cores that Node counts, and uses no more', (context) => {
  if (!existsSync('/proc/self/status')) context.skip('there is no /proc: run it on Linux')
  expect(allowedCores()).toHaveLength(availableParallelism())
  expect(usableCores()).toBeGreaterThan(0)
  expect(usableCores()).toBeLessThanOrEqual(availableParallelism())
})
