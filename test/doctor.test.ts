import { expect, test } from 'vitest'
import { layerline } from './support/cli.ts'
import { useOwnCache } from './support/own-cache.ts'
import { tempFolder } from './support/temp-folder.ts'

const cache = useOwnCache()

interface Finding {
  layer: string
  state: 'works' | 'off'
  what: string
  how: string | null
}

test('doctor says of each layer whether it works here', async () => {
  const folder = tempFolder()
  const env = { LAYERLINE_CACHE: cache.folder }
  const json = await layerline(folder, ['doctor', '--json'], { env })
  expect(json.code, json.stderr).toBe(0)
  const findings = JSON.parse(json.stdout) as Finding[]
  const of = (layer: string) => findings.find((finding) => finding.layer === layer)
  expect(of('request')?.state).toBe('works')
  expect(of('host')).toMatchObject({ state: 'works', what: expect.stringContaining('/proc') })
  expect(of('engine')).toMatchObject({ state: 'works', how: 'layerline engine start' })
  expect(of('store')?.what).toContain(folder)
  expect(of('gpu')).toBeDefined()
  // By the same list as the command that traces: what it calls available, doctor counts.
  const listed = await layerline(folder, ['kernels', 'list', '--json'], { env })
  const ready = (JSON.parse(listed.stdout || '[]') as { available: boolean }[]).filter(({ available }) => available)
  expect(of('kernel')).toMatchObject({
    state: 'works',
    what: expect.stringMatching(listed.code === 0 ? new RegExp(`; ${ready.length} of \\d+ tracers`) : /no tracers/),
  })
  expect(of('os')).toMatchObject({
    state: 'works',
    what: expect.stringMatching(/probes in the kernel|from \/proc alone: ./),
  })
  const text = await layerline(folder, ['doctor'], { env })
  expect(text.code).toBe(0)
  for (const { layer, what } of findings) {
    const line = text.stdout.split('\n').find((printed) => printed.includes(` ${layer} `))
    expect(line, layer).toContain(what)
  }
})

test('doctor says how to get the engine where it is not installed', async () => {
  const { code, stdout } = await layerline(tempFolder(), ['doctor', '--json'], {
    env: { LAYERLINE_CACHE: tempFolder() },
  })
  expect(code).toBe(0)
  const engine = (JSON.parse(stdout) as Finding[]).find(({ layer }) => layer === 'engine')
  expect(engine).toMatchObject({ state: 'off', how: expect.stringContaining('layerline engine install') })
})
