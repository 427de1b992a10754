import { describe, expect, it } from 'vitest'
import { defaultThreads, parseServerArguments, serverArgv } from './server-arguments.ts'

const least = ['--engine-folder', '/e', '--model', '/m.gguf', '--name', 'm']

describe('parseServerArguments', () => {
  it('reads back what serverArgv writes', () => {
    const options = { ...parseServerArguments(least), port: 8123, threads: 3, detached: true, host: '::1' }
    expect(parseServerArguments(serverArgv(options))).toEqual(options)
  })

  it.each([
    [['--port', '70000'], '--port 70000'],
    [['--threads', '0'], '--threads 0'],
    [['--sequences', 'many'], '--sequences many'],
    [['--context-tokens', '1.5'], '--context-tokens 1.5'],
    [['--colour'], '--colour'],
  ])('refuses %j by name', (extra, named) => {
    expect(() => parseServerArguments([...least, ...extra])).toThrow(named)
  })

  it('wants an engine, a model and its name', () => {
    for (const missing of ['--engine-folder', '--model', '--name']) {
      const at = least.indexOf(missing)
      expect(() => parseServerArguments(least.toSpliced(at, 2))).toThrow(missing)
    }
  })
})

it('leaves one core to the tracer, and is never without a thread', () => {
  expect([1, 2, 4, 64].map((cores) => defaultThreads(cores))).toEqual([1, 1, 3, 8])
  expect(defaultThreads(0)).toBe(1)
})
