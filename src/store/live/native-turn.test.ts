import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { builtFile } from '../../base/package-files.ts'

test('a crash while the store commits is reported as what it is, never as an abort of the database', () => {
  const script = `
    import { LiveStore } from ${JSON.stringify(builtFile('src/store/live/live-store').href)}
    const store = await LiveStore.open({ folder: process.cwd(), shard: 0, socket: null }, () => {})
    setInterval(() => {
      for (let i = 0; i < 5000; i++) store.writers.counters.append({ track_id: 1, t_ns: i, value: i })
      void store.commit()
    }, 1)
    setTimeout(() => { throw new Error('crashed') }, 200)`
  const ends = Array.from({ length: 8 }, () => {
    const args = ['--input-type=module', '--eval', script]
    const { status, signal, stderr } = spawnSync(process.execPath, args, { cwd: tempFolder(), encoding: 'utf8' })
    return { status, signal, told: stderr.includes('Error: crashed') }
  })
  expect(ends).toEqual(ends.map(() => ({ status: 1, signal: null, told: true })))
})
