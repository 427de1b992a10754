import { expect, it } from 'vitest'
import { TRACE_FORMATS } from '../../workload/trace-formats/formats.ts'
import { TIME_UNITS } from '../../workload/trace-rows/bytes/time-unit.ts'
import { OPTIONS } from '../options.ts'
import { traceOptionsFrom } from './trace-options.ts'

it('options of the command line become those of a trace', () => {
  const values = {
    trace: 't.csv',
    format: 'table',
    map: 'ts=When,in=Request tokens,out=O,session=S',
    'time-unit': 'ms',
    from: '10m',
    to: '1h',
    limit: 5,
    sample: 0.5,
    jitter: 3,
    'skip-bad': true,
    overlong: 'clamp',
    'cache-dir': 'c',
    'no-cache': true,
  }
  expect(traceOptionsFrom(values, { seed: 7, maxModelLen: 8192 })).toEqual({
    path: 't.csv',
    format: 'table',
    map: { ts: 'When', in: 'Request tokens', out: 'O', session: 'S' },
    timeUnit: 'ms',
    from: '10m',
    to: '1h',
    limit: 5,
    sample: { share: 0.5, seed: 7 },
    jitterSeed: 3,
    skipBad: true,
    overlong: { maxModelLen: 8192, policy: 'clamp' },
    cacheDir: 'c',
    noCache: true,
  })
  expect(traceOptionsFrom({ trace: 't.csv' }, { seed: 7, maxModelLen: null })).toEqual({ path: 't.csv' })
  expect(traceOptionsFrom({ trace: 't.csv' }, { seed: 7, maxModelLen: 100 }).overlong?.policy).toBe('skip')
})

it.each([
  [{}, '--trace is missing'],
  [{ trace: 't', sample: 0 }, '--sample 0: expected a share above 0'],
  [{ trace: 't', sample: 1.5 }, '--sample 1.5: expected a share'],
  [{ trace: 't', overlong: 'fail' }, '--overlong fail: the server does not say its max_model_len'],
  [{ trace: 't', map: 'ts=a' }, '--map ts=a'],
  [{ trace: 't', map: 'ts=a,in=b,in=c' }, 'expected ts=COLUMN,in=COLUMN'],
  [{ trace: 't', map: 'ts=a,in=b,x=c' }, '"x=c": expected'],
])('what cannot be meant is an error: %j', (values, message) => {
  expect(() => traceOptionsFrom(values, { seed: 1, maxModelLen: null })).toThrow(message)
})

it('the choices of --format and --time-unit are those there are', () => {
  expect(OPTIONS.format.choices).toEqual(['auto', ...Object.keys(TRACE_FORMATS)])
  expect(OPTIONS['time-unit'].choices).toEqual([...TIME_UNITS])
})
