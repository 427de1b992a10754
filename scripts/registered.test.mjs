import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { unregistered } from './registered.mjs'

test('a source that no registry names is refused; what is imported, loaded or started as a built file is not', () => {
  const base = mkdtempSync(join(tmpdir(), 'registered-'))
  const put = (name, text) => {
    mkdirSync(dirname(join(base, name)), { recursive: true })
    writeFileSync(join(base, name), text)
  }
  try {
    put('src/cli/main.ts', "import { FORMATS } from '../formats/formats.ts'\nnew Worker(builtFile('src/os/thread'))\n")
    put('src/formats/formats.ts', "import { a } from './a.ts'\nconst b = async () => (await import('./b.ts')).b\n")
    put('src/formats/a.ts', 'export const a = 1\n')
    put('src/formats/b.ts', 'export const b = 1\n')
    put('src/formats/new.ts', "import { a } from './a.ts'\nexport const fresh = a\n")
    put('src/formats/new.test.ts', "import { fresh } from './new.ts'\n")
    put('src/os/thread.ts', 'export {}\n')
    expect(unregistered(base).map((problem) => problem.split(':')[0])).toEqual(['src/formats/new.ts'])
  } finally {
    rmSync(base, { recursive: true })
  }
})

test('every source of this program is reached', () => {
  expect(unregistered()).toEqual([])
})
