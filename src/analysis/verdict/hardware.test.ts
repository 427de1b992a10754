import { expect, it } from 'vitest'
import { fine } from '../../../test/support/fine-run.ts'
import type { Energy, PerRequestEnergy } from '../hardware/energy.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { judge } from './judge.ts'

const nothing = {
  seconds: 0,
  energy_j: { value: 0, low: 0, high: 0 },
  above_idle_j: null,
  mean_w: null,
  resolved: false,
}
const energyWith = (per_request: Partial<PerRequestEnergy>, modelled_share = 0): Energy => ({
  scope: 'gpu',
  sources: [],
  resolution_ms: 1000,
  covered_share: 1,
  whole_j: { value: 100, low: 90, high: 110 },
  idle_w: null,
  idle_seconds: 0,
  stages: { prefill: nothing, decode: nothing, other: nothing, idle: nothing },
  modelled_share,
  per_request: {
    requests: 10,
    covered: 10,
    resolved: 10,
    mean_j: null,
    min_j: null,
    max_j: null,
    repeat_needed: null,
    ...per_request,
  },
  tokens: {
    prefill_j_per_token: null,
    decode_j_per_token: null,
    j_per_output_token: null,
    output_tokens_per_j: null,
    j_per_output_token_with_idle: null,
  },
  by_size: [],
  requests: [],
})
const linesOf = (hardware: Partial<Hardware>) =>
  judge({ ...fine, hardware: { ...fine.hardware, ...hardware } }).verdict.filter(
    ({ what }) => what === 'gpu_samples' || what === 'energy',
  )

it.each<[string, Partial<Hardware>, string[]]>([
  ['no GPU', {}, []],
  ['all there', { gpu_covered_share: 0.999, energy: [energyWith({})] }, []],
  ['some missing', { gpu_covered_share: 0.98 }, ['warn gpu_samples']],
  ['many missing', { gpu_covered_share: 0.85 }, ['bad gpu_samples']],
  ['no value', { gpu_covered_share: 0, gpus_silent: ['box 0'] }, ['bad gpu_samples']],
  ['refused', { energy: [energyWith({ resolved: 4, repeat_needed: 7 })] }, ['note energy']],
  ['not covered', { energy: [energyWith({ covered: 4, resolved: 4 })] }, ['note energy']],
  ['shared', { energy: [energyWith({}, 0.4)] }, ['note energy']],
])('%s', (_, hardware, expected) => {
  expect(linesOf(hardware).map(({ level, what }) => `${level} ${what}`)).toEqual(expected)
})

it('names the passes that it would take', () => {
  expect(linesOf({ energy: [energyWith({ resolved: 4, repeat_needed: 7 })] })[0]?.text).toContain('6 requests of 10')
  expect(linesOf({ energy: [energyWith({ resolved: 4, repeat_needed: 7 })] })[0]?.text).toContain('`--repeat 7`')
})
