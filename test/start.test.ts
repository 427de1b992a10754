import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CHECKOUT, layerline } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Notes every module as Node loads it, and at the end what the kernel has mapped. */
const WATCH = `
import { appendFileSync, readFileSync } from 'node:fs'
import { register } from 'node:module'
register('data:text/javascript,' + encodeURIComponent(\`
import { appendFileSync } from 'node:fs'
export async function load(url, context, next) {
  if (url.startsWith('file:')) appendFileSync(process.env.LOADED_FILE, url + '\\\\n')
  return next(url, context)
}\`))
process.on('exit', () => appendFileSync(process.env.LOADED_FILE, readFileSync('/proc/self/maps', 'utf8').match(/[^ ]*\\.node$/gm)?.join('\\n') ?? ''))
`

async function loaded(args: readonly string[]): Promise<{ files: string[]; native: string[] }> {
  const folder = tempFolder()
  const [hook, list] = [join(folder, 'watch.mjs'), join(folder, 'loaded')]
  writeFileSync(hook, WATCH)
  writeFileSync(list, '')
  const { code, stderr } = await layerline(folder, args, {
    env: { NODE_OPTIONS: `--import=${hook}`, LOADED_FILE: list },
  })
  expect(code, stderr).toBe(0)
  const lines = [...new Set(readFileSync(list, 'utf8').split('\n').filter(Boolean))]
  return {
    files: lines.filter((line) => line.startsWith('file:')).map((url) => url.slice(`file://${CHECKOUT}`.length)),
    native: lines.filter((line) => line.endsWith('.node')),
  }
}

test('a short command loads a handful of files, and no database', async () => {
  const version = await loaded(['--version'])
  expect(version.files).toContain('dist/src/cli/main.js')
  expect(version.files.length).toBeLessThanOrEqual(6)
  for (const args of [['--help'], ['trace', '--help'], ['report', '--help']]) {
    const help = await loaded(args)
    expect(help.native, args.join(' ')).toEqual([])
    expect(help.files.length, args.join(' ')).toBeLessThanOrEqual(12)
    expect(help.files.filter((name) => name.includes('node_modules'))).toEqual([])
  }
})

test('a report loads the database, in tens of files', async () => {
  const folder = tempFolder()
  cpSync(join(CHECKOUT, 'samples/run-v1'), join(folder, 'run'), { recursive: true })
  const { files, native } = await loaded(['report', join(folder, 'run')])
  expect(native).toHaveLength(1)
  expect(files.length).toBeLessThan(80)
})
