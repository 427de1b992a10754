import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ENGINE_OPTIONS } from '../src/cli/options/engine-options.ts'
import { CHECKOUT, cleanEnv } from './support/cli.ts'
import { useOwnCache } from './support/own-cache.ts'
import { tempFolder } from './support/temp-folder.ts'

const cache = useOwnCache()
const run = promisify(execFile)
/** Where `engine start` listens by itself. */
const DEFAULT_PORT = ENGINE_OPTIONS.port.default

/** The lines of the ```sh blocks, in order. */
function commands(): string[] {
  const text = readFileSync(join(CHECKOUT, 'README.md'), 'utf8')
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block = '']) => block.split('\n'))
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  try {
    await once(probe, 'listening')
    return true
  } catch {
    return false
  } finally {
    probe.close()
  }
}

/** A free port below the range from which systems assign ports: no other program takes it meanwhile. */
async function portOfOurs(): Promise<number> {
  for (let port = 21_000 + Math.floor(Math.random() * 9000); ; port++) if (await isFree(port)) return port
}

test('every command of the README does what it says', { timeout: 1_500_000 }, async () => {
  const lines = commands()
  expect(lines.length).toBeGreaterThan(6)
  expect(lines[0]).toBe('./bin/layerline demo')
  // The README has the default port of `engine start`. On this machine it may be in use: the commands run with another.
  const ports = new Set(lines.join('\n').match(/(?<=127\.0\.0\.1:)\d+/g))
  expect([...ports]).toEqual([DEFAULT_PORT])
  const port = await portOfOurs()
  const withPort = (line: string) =>
    line.replaceAll(`127.0.0.1:${DEFAULT_PORT}`, `127.0.0.1:${port}`).replace(/engine start$/, `$& --port ${port}`)
  const folder = tempFolder()
  for (const name of ['bin', 'samples']) symlinkSync(join(CHECKOUT, name), join(folder, name))
  const env = cleanEnv({ LAYERLINE_CACHE: cache.folder })
  for (const line of lines.map(withPort)) {
    if (line.startsWith('npm ')) {
      expectScript(line)
      continue
    }
    const ended = await run('sh', ['-c', `exec ${line}`], {
      cwd: folder,
      env,
      timeout: 300_000,
      maxBuffer: 1 << 26,
    }).then(
      () => ({ code: 0, stderr: '' }),
      ({ code, stderr }: { code: number; stderr: string }) => ({ code, stderr }),
    )
    expect(ended, line).toEqual({ code: 0, stderr: '' })
  }
  expect(cache.processes()).toEqual([])
  expect(existsSync(join(folder, 'runs/first/run.json'))).toBe(true)
  expect(existsSync(join(folder, 'runs/first-tables/requests.parquet'))).toBe(true)
})

/** `npm test` is what runs this; it must name a script whose file is there. */
function expectScript(line: string): void {
  const { scripts } = JSON.parse(readFileSync(join(CHECKOUT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const command = scripts[line.replace(/^npm (run )?/, '')]
  expect(command, line).toMatch(/^node scripts\/[\w-]+\.mjs/)
  const file = /scripts\/[\w-]+\.mjs/.exec(command ?? '')?.[0] ?? ''
  expect(existsSync(join(CHECKOUT, file)), file).toBe(true)
}
