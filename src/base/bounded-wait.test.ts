import { spawn } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { childEnd, copied, endChild, endThread, LATE, nextEvent, unlessAborted, within } from './bounded-wait.ts'
import { isSameProcessAlive, processStart } from './process-identity.ts'

const never = new Promise<never>(() => undefined)

it('gives up a promise that is late, and hands on what one in time gives or throws', async () => {
  expect(await within(never, 5)).toBe(LATE)
  expect(await within(Promise.resolve(7), 1000)).toBe(7)
  await expect(within(Promise.reject(new Error('x')), 1000)).rejects.toThrow('x')
})

it('rejects as soon as it is aborted, also where that was before', async () => {
  const abort = new AbortController()
  const waits = unlessAborted(never, abort.signal)
  abort.abort(new Error('stop'))
  await expect(waits).rejects.toThrow('stop')
  await expect(unlessAborted(never, abort.signal)).rejects.toThrow('stop')
})

it('waits for an event, its end or its error, and leaves no listener', async () => {
  const emitter = new EventEmitter()
  const waits = nextEvent(emitter, 'message', 1000, ['exit'])
  emitter.emit('message', 'hello')
  expect(await waits).toBe('hello')
  const ends = nextEvent(emitter, 'message', 1000, ['exit'])
  emitter.emit('exit')
  expect(await ends).toBeNull()
  const fails = nextEvent(emitter, 'message', 1000)
  emitter.emit('error', new Error('broken'))
  await expect(fails).rejects.toThrow('broken')
  expect(await nextEvent(emitter, 'message', 5)).toBe(LATE)
  expect(emitter.eventNames()).toEqual([])
})

it('ends a child that ignores every signal that can be ignored, and what it has started', async () => {
  const child = spawn('sh', ['-c', 'trap "" INT TERM; sleep 1000 & echo $!; while :; do sleep 1000; done'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  const grandchild = Number(await nextEvent(child.stdout, 'data', 10_000))
  const start = processStart(grandchild)
  expect(await childEnd(child, 50)).toBe(LATE)
  expect(await endChild(child, { patienceMs: 100, group: true })).toMatchObject({ signal: 'SIGKILL' })
  for (let i = 0; i < 500 && isSameProcessAlive(grandchild, start); i++)
    await new Promise((resolve) => setTimeout(resolve, 10))
  expect(isSameProcessAlive(grandchild, start)).toBe(false)
})

it('knows the end of a child whose pipe somebody else holds open, and of one that never began', async () => {
  const child = spawn('sh', ['-c', 'sleep 1000 & exit 3'], { stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  expect(await childEnd(child, 10_000)).toEqual({ code: 3, signal: null, error: null })
  await endChild(child, { patienceMs: 10, group: true })
  const absent = spawn('no-such-program-anywhere')
  expect(await childEnd(absent, 10_000)).toMatchObject({ code: null, error: { code: 'ENOENT' } })
})

it('ends a thread that does not hear', async () => {
  const deaf = new Worker('require("node:worker_threads").parentPort.postMessage(1); for (;;);', { eval: true })
  await nextEvent(deaf, 'message', 10_000)
  expect(await endThread(deaf, 20)).toBe(false)
  expect(deaf.threadId).toBe(-1)
  expect(await endThread(deaf, 20)).toBe(true)
})

it('gives up a stream in which nothing comes', async () => {
  const from = new PassThrough()
  from.write('a')
  const to = new PassThrough()
  expect(await copied(from, to, 20)).toBe(LATE)
  expect(to.read()?.toString()).toBe('a')
})
