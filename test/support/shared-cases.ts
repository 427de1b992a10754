import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'vitest'
import { CHECKOUT } from './cli.ts'

/** The folder of data that is shared beside the checkout, or where LAYERLINE_SHARED names it; null where it is not. */
export function sharedFolder(): string | null {
  const folder = process.env.LAYERLINE_SHARED ?? join(CHECKOUT, '../shared')
  return existsSync(folder) ? folder : null
}

/** The folder of a shared case (`kineto-ts-zero`); skips the test where it is not there. */
export function sharedCase(context: TestContext, name: string): string {
  const shared = sharedFolder()
  const folder = shared === null ? null : join(shared, 'cases', name)
  if (folder === null || !existsSync(folder))
    return context.skip(`the shared data have no case ${name} here: LAYERLINE_SHARED names the folder that has them`)
  return folder
}

/** A file or folder of the shared data (`workloads/azure2023_code.csv`); skips the test where it is not there. */
export function sharedData(context: TestContext, path: string): string {
  const shared = sharedFolder()
  const found = shared === null ? null : join(shared, 'data', path)
  if (found === null || !existsSync(found))
    return context.skip(`the shared data have no ${path} here: LAYERLINE_SHARED names the folder that has them`)
  return found
}
