import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { memoryContext } from '../../../../test/support/memory-context.ts'
import { tempFolder } from '../../../../test/support/temp-folder.ts'
import { resolveTarget } from '../../requests/target.ts'
import { localProfileFolder } from './profile-folder.ts'
import { prepareProfiler } from './profiler.ts'

let server: Server | undefined
afterEach(() => server?.close())

/** A server whose profiler answers what `answer` says, and does what it does; what it was asked is kept. */
async function serverThat(answer: (path: string) => number) {
  const asked: string[] = []
  const started = createServer((request, response) => {
    const path = request.url ?? ''
    if (request.method === 'POST') asked.push(path)
    response.writeHead(request.method === 'POST' ? answer(path) : 405).end()
  }).listen(0, '127.0.0.1')
  server = started
  await new Promise((resolve) => started.once('listening', resolve))
  const target = resolveTarget({ url: `http://127.0.0.1:${(started.address() as AddressInfo).port}/v1` })
  return { target, asked }
}

it('starts it, stops it at the end of a run that is shorter, and finds the traces that it wrote', async () => {
  const path = tempFolder()
  writeFileSync(join(path, 'rank0.old.pt.trace.json'), '{}')
  const { target, asked } = await serverThat((each) => {
    if (each === '/stop_profile') writeFileSync(join(path, 'rank0.new.pt.trace.json.gz'), 'x')
    return 200
  })
  const memory = memoryContext()
  const source = await prepareProfiler({
    target,
    folder: localProfileFolder(path),
    window: { startS: 0, durationS: 600 },
  })
  await source.start(memory.context)
  expect(memory.profiled).toEqual([[expect.any(Number), null]])
  await Promise.all([source.stop(), source.stop()])
  expect([source.problem, asked]).toEqual([null, ['/start_profile', '/stop_profile']])
  expect(source.captured?.files).toEqual([join(path, 'rank0.new.pt.trace.json.gz')])
  const [[from, to] = []] = memory.profiled.slice(-1)
  expect(to).toBeGreaterThan(from ?? Number.NaN)
  expect(memory.gaps().map(({ name, category }) => [name, category])).toEqual([
    ['start_profile', 'profiler'],
    ['stop_profile', 'profiler'],
  ])
})

it.each([
  [
    'it refuses to start',
    (path: string) => (path === '/start_profile' ? 500 : 200),
    /start_profile: HTTP 500/,
    ['/start_profile'],
  ],
  [
    'it fails to stop',
    (path: string) => (path === '/stop_profile' ? 500 : 200),
    /stop_profile: HTTP 500/,
    ['/start_profile', '/stop_profile'],
  ],
  ['it writes nothing', () => 200, /wrote no trace into .*--profile-dir/, ['/start_profile', '/stop_profile']],
])('says it where %s, and marks no request after', async (_, answer, words, requests) => {
  const { target, asked } = await serverThat(answer)
  const memory = memoryContext()
  const folder = localProfileFolder(tempFolder())
  const source = await prepareProfiler({ target, folder, window: { startS: 0, durationS: 600 } })
  await source.start(memory.context)
  await source.stop()
  expect(source.problem).toMatch(words)
  expect(memory.notes.at(-1)).toBe(source.problem)
  expect([asked, source.captured]).toEqual([requests, null])
  expect(memory.profiled.at(-1)?.[1]).toBeGreaterThan(memory.profiled.at(-1)?.[0] ?? Number.NaN)
})

it('says that a run was over before its window', async () => {
  const { target, asked } = await serverThat(() => 200)
  const memory = memoryContext()
  const source = await prepareProfiler({
    target,
    folder: localProfileFolder(tempFolder()),
    window: { startS: 600, durationS: 1 },
  })
  await source.start(memory.context)
  await source.stop()
  expect(source.problem).toContain('over before its window')
  expect([asked, memory.profiled]).toEqual([[], []])
})
