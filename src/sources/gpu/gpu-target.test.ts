import fc from 'fast-check'
import { expect, it } from 'vitest'
import { LayerlineError } from '../../base/errors.ts'
import { sshArguments } from '../ssh/ssh-connection.ts'
import { parseGpuTarget } from './gpu-target.ts'

it('reads where GPU samples come from', () => {
  const ssh = { kind: 'ssh', user: null, port: null, keyPath: null, configPath: null }
  expect(parseGpuTarget('none')).toEqual({ kind: 'none' })
  expect(parseGpuTarget('ssh://gpu1')).toEqual({ ...ssh, host: 'gpu1' })
  expect(parseGpuTarget('ssh://me@gpu1.example:2222/')).toEqual({
    ...ssh,
    host: 'gpu1.example',
    user: 'me',
    port: 2222,
  })
  expect(parseGpuTarget('ssh://[fe80::1%eth0]:22')).toEqual({ ...ssh, host: 'fe80::1%eth0', port: 22 })
  expect(parseGpuTarget('ssh://gpu1', 'x', { user: 'you', keyPath: '/k' })).toEqual({
    ...ssh,
    host: 'gpu1',
    user: 'you',
    keyPath: '/k',
  })
  expect(parseGpuTarget('dcgm:http://gpu1:9400')).toEqual({ kind: 'dcgm', url: 'http://gpu1:9400/metrics' })
  expect(parseGpuTarget('dcgm:http://gpu1:9400/all?x=1')).toEqual({ kind: 'dcgm', url: 'http://gpu1:9400/all?x=1' })
})

it.each([
  '',
  'gpu1',
  'ssh://',
  'ssh:gpu1',
  'ssh://-oProxyCommand=x',
  'ssh://a b',
  'ssh://u:secret@h',
  'ssh://h:0',
  'ssh://h:x',
  'ssh://-u@h',
  'dcgm:',
  'dcgm:gpu1:9400',
  'dcgm:ftp://x',
])('refuses %j, naming what was expected', (text) => {
  expect(() => parseGpuTarget(text)).toThrow(expect.objectContaining({ code: 'usage/gpu', exitCode: 2 }))
})

it('never lets a host become an option of ssh', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      let target: ReturnType<typeof parseGpuTarget>
      try {
        target = parseGpuTarget(`ssh://${text}`)
      } catch (error) {
        expect(error).toBeInstanceOf(LayerlineError)
        return
      }
      if (target.kind !== 'ssh') throw expect.unreachable()
      const args = sshArguments(target)
      expect(args.at(-3)).toBe('--')
      expect(args.at(-2)).toMatch(/^[^-\s]\S*$/)
    }),
  )
})
