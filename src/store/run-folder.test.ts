import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { tempFolder } from '../../test/support/temp-folder.ts'
import { builtFile } from '../base/package-files.ts'

/** Makes folders of the same names as another process that begins at the same moment; prints which it got. */
const RACER = `
const { createRunFolder } = await import(process.argv[1])
const [, , folder, startMs] = process.argv
while (Date.now() < Number(startMs));
const got = []
for (let i = 0; i < 300; i++) {
  try {
    createRunFolder('test', folder + '/' + i)
    got.push(i)
  } catch (error) {
    if (error.code !== 'input/out-exists') throw error
  }
}
console.log(JSON.stringify(got))`

it('is made by one of two processes that want it at the same moment', async () => {
  const folder = join(tempFolder(), 'runs')
  mkdirSync(folder)
  const module = builtFile('src/store/run-folder').href
  const startMs = String(Date.now() + 1500)
  const racers = [0, 1].map(() =>
    spawn(process.execPath, ['--input-type=module', '-e', RACER, module, folder, startMs], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  const ends = racers.map((racer) => once(racer, 'close'))
  const got = await Promise.all(racers.map(async ({ stdout }) => JSON.parse(await text(stdout)) as number[]))
  await Promise.all(ends)
  expect(got.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, i) => i))
  expect(readdirSync(folder)).toHaveLength(300)
})
