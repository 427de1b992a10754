import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LayerlineError } from '../../../base/errors.ts'
import { processStart } from '../../../base/process-identity.ts'
import { cacheFolder, cacheLayout, withCacheLock } from '../../care/install/cache.ts'
import { checkGguf } from './gguf.ts'
import { installLlamacpp } from './install.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'layerline-install-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const machine = { platform: 'linux', arch: 'x64', musl: false }

/** An environment whose PATH has these commands, and node and a shell for them. */
function withTools(tools: Record<string, string>): NodeJS.ProcessEnv {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const [name, script] of Object.entries(tools)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  return { LAYERLINE_CACHE: join(folder, 'cache'), PATH: bin }
}

async function failure(work: Promise<unknown>): Promise<LayerlineError> {
  return work.then(
    () => {
      throw new Error('it succeeded')
    },
    (error: LayerlineError) => error,
  )
}

describe('installLlamacpp', () => {
  it.each([
    ['no npm', {}, 'missing/npm'],
    ['no network', { npm: 'echo "npm error code ENOTFOUND" >&2; exit 1' }, 'unreachable/packages'],
    ['a full disk', { npm: 'echo "npm error ENOSPC: no space left on device" >&2; exit 1' }, 'missing/disk'],
    ['changed packages', { npm: 'echo "npm error code EINTEGRITY" >&2; exit 1' }, 'missing/checksum'],
    ['an npm that fails otherwise', { npm: 'echo "npm error something odd" >&2; exit 7' }, 'missing/engine'],
    ['a changed platform package', { npm: '[ "$1" = ci ] || echo forged > package.tgz' }, 'missing/checksum'],
  ])('says what to do about %s', async (_, tools, code) => {
    const error = await failure(installLlamacpp({ env: withTools(tools), machine }))
    expect(error.code).toBe(code)
    expect(error.hint).toBeTruthy()
  })

  it('says on which machines the engine runs', async () => {
    for (const other of [
      { platform: 'win32', arch: 'x64', musl: false },
      { ...machine, musl: true },
    ]) {
      const error = await failure(installLlamacpp({ env: withTools({}), machine: other }))
      expect(error).toMatchObject({ code: 'missing/platform' })
      expect(error.message).toContain('linux-x64')
    }
  })

  it('goes on where it was interrupted: the finished core is not installed again', async () => {
    const log = join(folder, 'npm-calls')
    const env = withTools({ npm: `echo "$1" >> ${log}; [ "$1" = ci ] || { echo ECONNRESET >&2; exit 1; }` })
    await failure(installLlamacpp({ env, machine }))
    await failure(installLlamacpp({ env, machine }))
    expect(readFileSync(log, 'utf8').split('\n')).toEqual(['ci', 'pack', 'pack', ''])
  })

  it('says that the cache folder cannot be made', async () => {
    writeFileSync(join(folder, 'file'), '')
    const env = { ...withTools({}), LAYERLINE_CACHE: join(folder, 'file', 'cache') }
    expect(await failure(installLlamacpp({ env, machine }))).toMatchObject({ code: 'missing/cache' })
  })
})

describe('the cache', () => {
  it('is where the environment says', () => {
    expect(cacheFolder({ LAYERLINE_CACHE: '/a', XDG_CACHE_HOME: '/b' })).toBe('/a')
    expect(cacheFolder({ XDG_CACHE_HOME: '/b' })).toBe('/b/layerline')
    expect(cacheFolder({})).toMatch(/\.cache\/layerline$/)
  })

  it('lets one at a time in', async () => {
    const layout = cacheLayout(folder)
    let inside = 0
    let most = 0
    const work = async () => {
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 30))
      inside--
    }
    await Promise.all([1, 2, 3].map(() => withCacheLock(layout, work)))
    expect(most).toBe(1)
    expect(existsSync(layout.lock)).toBe(false)
  })

  it('takes over the lock of a process that is gone, not of one that lives', async () => {
    const layout = cacheLayout(folder)
    writeFileSync(layout.lock, `${process.pid} 1`)
    writeFileSync(`${layout.lock}.7.left`, `${process.pid} 1`)
    expect(await withCacheLock(layout, async () => 'in')).toBe('in')
    expect(readdirSync(folder)).toEqual([])
    writeFileSync(layout.lock, `${process.pid} ${processStart(process.pid)}`)
    let waited = false
    const entered = withCacheLock(
      layout,
      async () => 'in',
      () => {
        waited = true
        rmSync(layout.lock)
      },
    )
    expect(await entered).toBe('in')
    expect(waited).toBe(true)
  })
})

describe('checkGguf', () => {
  it('takes a file with the magic and says what else it found', () => {
    const path = join(folder, 'model.gguf')
    expect(() => checkGguf(path)).toThrow('does not exist')
    expect(() => checkGguf(dirname(path))).toThrow('is not a file')
    writeFileSync(path, '{"json": 1}')
    expect(() => checkGguf(path)).toThrow('begins with')
    writeFileSync(path, 'GGUF and more')
    checkGguf(path)
  })
})
