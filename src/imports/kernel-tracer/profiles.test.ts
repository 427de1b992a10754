import { expect, it } from 'vitest'
import { torchProfileOps } from './profiles.ts'

const entry = (cpu: number, selfCpu: number, device: number, selfDevice?: number) => ({
  count: 2,
  cpu_time_total: cpu,
  self_cpu_time_total: selfCpu,
  cuda_time_total: device,
  ...(selfDevice === undefined ? {} : { self_cuda_time_total: selfDevice }),
})

it('keeps what an operator launched itself apart from what its callers count again; kernels are no operators', () => {
  const { ops, kernels } = torchProfileOps(
    {
      'aten::linear': [entry(100, 20, 40, 0)],
      'aten::addmm': [entry(80, 80, 40, 40)],
      'void gemm<float>': [entry(0, 0, 40, 40)],
      'Memcpy HtoD': [entry(0, 0, 5)],
    },
    false,
  )
  expect(ops.map(({ name, deviceNs, selfDeviceNs }) => [name, deviceNs, selfDeviceNs])).toEqual([
    ['aten::linear', 40_000, 0],
    ['aten::addmm', 40_000, 40_000],
  ])
  expect(kernels.map(({ name, count, totalNs }) => [name, count, totalNs])).toEqual([
    ['void gemm<float>', 2, 40_000],
    ['Memcpy HtoD', 2, 5000],
  ])
})

it('leaves what it launched itself open where the file does not say', () => {
  const { ops } = torchProfileOps({ 'aten::mm': [entry(10, 10, 7)] }, false)
  expect(ops[0]).toMatchObject({ deviceNs: 7000, selfDeviceNs: null })
})
