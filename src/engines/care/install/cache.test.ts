import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog } from '../process/log-file.ts'
import { cacheLayout } from './cache.ts'

test('the cache and an engine’s log, which may hold prompts, are for their user alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
  const before = process.umask(0)
  try {
    const layout = cacheLayout(join(folder, 'cache'))
    const { path } = createLog(layout, 'x')
    for (const each of [layout.root, layout.logs]) expect(statSync(each).mode & 0o777).toBe(0o700)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  } finally {
    process.umask(before)
    rmSync(folder, { recursive: true })
  }
})
