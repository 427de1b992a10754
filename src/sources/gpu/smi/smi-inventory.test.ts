import { describe, expect, it } from 'vitest'
import { chooseFields, offeredFields, samplerArguments, windowOf } from './smi-fields.ts'
import { migGpus, readInventory } from './smi-inventory.ts'

const HELP = `List of valid properties to query:

"timestamp"
The "time" of the query.

"utilization.gpu"
Percent of time over the past sample period.

"clocks_event_reasons.active" or "clocks_throttle_reasons.active"
Bitmask.

"clocks.current.sm" or "clocks.sm"
"power.draw"
`
const OLD_HELP = '"clocks_throttle_reasons.active"\n"power.draw"\n"clocks.sm"\n'
const GPUS = `0, GPU-a, NVIDIA H100 80GB HBM3, 570.1
1, GPU-b, Tesla T4, 570.1
`
const LIST =
  'GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-a)\n  MIG 1g.10gb     Device  0: (UUID: MIG-1)\nGPU 1: Tesla T4 (UUID: GPU-b)\n'

describe('what a driver can be asked', () => {
  it('is what its help names, in quotes at the start of a line', () => {
    expect(offeredFields(HELP)).toEqual(
      new Set([
        'timestamp',
        'utilization.gpu',
        'clocks_event_reasons.active',
        'clocks_throttle_reasons.active',
        'clocks.current.sm',
        'clocks.sm',
        'power.draw',
      ]),
    )
  })

  it('is asked by the best spelling it has', () => {
    const spelt = (help: string): Record<string, string> =>
      Object.fromEntries(chooseFields(help).map(({ track, spelling }) => [track, spelling]))
    expect(spelt(HELP)).toEqual({
      gpu_utilization_ratio: 'utilization.gpu',
      power_draw_w: 'power.draw',
      sm_clock_hz: 'clocks.current.sm',
      clocks_event_reasons: 'clocks_event_reasons.active',
    })
    expect(spelt(OLD_HELP)).toEqual({
      power_draw_w: 'power.draw',
      sm_clock_hz: 'clocks.sm',
      clocks_event_reasons: 'clocks_throttle_reasons.active',
    })
    // A help that says nothing: what every driver has, and nothing newer.
    expect(spelt('usage: unknown')).toMatchObject({ sm_clock_hz: 'clocks.sm', power_limit_w: 'power.limit' })
    expect(spelt('usage: unknown')).not.toHaveProperty('power_draw_instant_w')
  })

  it('becomes the arguments of a sampler', () => {
    expect(samplerArguments(chooseFields(OLD_HELP), { periodMs: 100, gpus: ['GPU-a', 'GPU-b'] })).toEqual([
      '--query-gpu=timestamp,uuid,power.draw,clocks.sm,clocks_throttle_reasons.active',
      '--format=csv,noheader,nounits',
      '--loop-ms=100',
      '-i',
      'GPU-a,GPU-b',
    ])
  })
})

describe('the window of a power reading', () => {
  it('is a second from Ampere on, but not on GA100, nor before', () => {
    const window = (name: string) => windowOf('power', name).window_ns
    for (const name of [
      'NVIDIA A10',
      'NVIDIA H100 80GB HBM3',
      'NVIDIA L4',
      'NVIDIA GeForce RTX 3090',
      'NVIDIA L40S',
      'NVIDIA RTX 6000 Ada Generation',
      'NVIDIA A40',
      'NVIDIA RTX A6000',
    ])
      expect([name, window(name)]).toEqual([name, 1e9])
    for (const name of [
      'NVIDIA A100-SXM4-80GB',
      'NVIDIA A30',
      'Tesla V100-SXM2-32GB',
      'Tesla T4',
      'Quadro RTX 6000',
      'NVIDIA GeForce RTX 2080 Ti',
      'NVIDIA GeForce GTX 1080',
    ])
      expect([name, window(name)]).toEqual([name, 0])
    expect(windowOf('power', 'NVIDIA H100 80GB HBM3').sensor_coverage).toBe(0.25)
    expect(windowOf('power', 'NVIDIA L4')).not.toHaveProperty('sensor_coverage')
  })
})

describe('the GPUs of a host', () => {
  const answers = { gpus: GPUS, list: LIST, help: HELP }

  it('are all, or those selected by index or UUID', () => {
    expect(readInventory(answers, [], 'here')).toMatchObject({
      gpus: [
        { index: 0, uuid: 'GPU-a', name: 'NVIDIA H100 80GB HBM3' },
        { index: 1, uuid: 'GPU-b', name: 'Tesla T4' },
      ],
      driver: '570.1',
    })
    expect(readInventory(answers, ['GPU-b'], 'here').gpus.map(({ index }) => index)).toEqual([1])
    expect(readInventory(answers, ['0'], 'here').gpus.map(({ uuid }) => uuid)).toEqual(['GPU-a'])
  })

  it('that are asked for and not there are an error that names those there', () => {
    expect(() => readInventory(answers, ['0', '9'], 'ssh://gpu1')).toThrow(
      expect.objectContaining({
        code: 'missing/gpu-device',
        message: 'ssh://gpu1: no GPU 9',
        hint: expect.stringContaining('1 GPU-b Tesla T4'),
      }),
    )
  })

  it.each([
    [
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      'missing/gpu-driver',
      'no NVIDIA driver is running',
    ],
    ['Failed to initialize NVML: Driver/library version mismatch', 'missing/gpu-driver', 'two versions'],
    ['Failed to initialize NVML: Insufficient Permissions', 'missing/gpu-rights', 'may not ask'],
    ['Failed to initialize NVML: Unknown Error', 'missing/gpu-driver', 'cannot reach its driver'],
    ['No devices were found', 'missing/gpu-device', 'no such GPU'],
    ['something else', 'missing/gpu', 'nvidia-smi ended: something else'],
  ])('that cannot be asked have a sentence: %s', (said, code, sentence) => {
    expect(() => readInventory({ gpus: `${said}\n`, list: '', help: '' }, [], 'here')).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(sentence), hint: expect.any(String) }),
    )
  })

  it('that are cut into instances are known', () => {
    expect(migGpus(LIST)).toEqual(new Set(['GPU-a']))
  })
})
