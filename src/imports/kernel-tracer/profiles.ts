import { z } from 'zod'
import { addKernel, type KernelTotal, OpSums, type OpTotal, opOfOverload } from './op-totals.ts'

const NS_PER_US = 1000
const number = z.number().nullish()
const ns = (us: number | null | undefined) => (us === null || us === undefined ? null : us * NS_PER_US)

const torchProfile = z.record(
  z.string(),
  z.array(
    z.looseObject({
      count: z.number(),
      cpu_time_total: number,
      self_cpu_time_total: number,
      cuda_time_total: number,
      self_cuda_time_total: number,
      device_time_total: number,
      self_device_time_total: number,
      input_shapes: z.string().nullish(),
      stack: z.array(z.string()).nullish(),
    }),
  ),
)

/**
 * torch_profile.json: an entry for each operator, inputs and stack. Stacks are added up unless they are kept. PyTorch lists kernels among the operators:
 * entries that took no time on the host but some on a device, which are returned apart.
 */
export function torchProfileOps(value: unknown, stacks: boolean): { ops: OpTotal[]; kernels: KernelTotal[] } {
  const sums = new OpSums('calls')
  const kernels: KernelTotal[] = []
  for (const [name, entries] of Object.entries(torchProfile.parse(value))) {
    for (const entry of entries) {
      const deviceNs = ns(entry.cuda_time_total ?? entry.device_time_total)
      const selfDeviceNs = ns(entry.self_cuda_time_total ?? entry.self_device_time_total)
      const hostNs = (ns(entry.cpu_time_total) ?? 0) + (ns(entry.self_cpu_time_total) ?? 0)
      if (hostNs === 0 && (deviceNs ?? selfDeviceNs ?? 0) > 0) {
        const totalNs = deviceNs ?? selfDeviceNs
        kernels.push({ name, count: entry.count, totalNs, minNs: null, maxNs: null, config: null })
        continue
      }
      const totals = {
        count: entry.count,
        cpuNs: ns(entry.cpu_time_total),
        selfCpuNs: ns(entry.self_cpu_time_total),
        deviceNs,
        selfDeviceNs,
      }
      const stack = stacks && entry.stack != null && entry.stack.length > 0 ? entry.stack.join('\n') : null
      sums.add(name, name, entry.input_shapes || null, totals, stack)
    }
  }
  return { ops: sums.all(), kernels }
}

const vllmProfile = z.record(z.string(), z.looseObject({ count: z.number(), cpu_time_total: number }))

/** vllm_profile.json: an entry for each operator. */
export function vllmProfileOps(value: unknown): OpTotal[] {
  const sums = new OpSums('calls')
  for (const [name, { count, cpu_time_total }] of Object.entries(vllmProfile.parse(value))) {
    sums.add(name, name, null, { count, cpuNs: ns(cpu_time_total) })
  }
  return sums.all()
}

const dispatched = z.record(z.string(), z.array(z.looseObject({ count: z.number(), inputs: z.string() })))

/** torch_dispatch.json: each operator with each of its inputs, with types and strides. */
export function dispatchOps(value: unknown): OpTotal[] {
  const sums = new OpSums('calls')
  for (const [name, entries] of Object.entries(dispatched.parse(value))) {
    for (const { count, inputs } of entries) sums.add(name, opOfOverload(name), inputs, { count })
  }
  return sums.all()
}

const kernelProfile = z.array(
  z.looseObject({
    cpu_op_name: z.string().nullable(),
    cpu_time_us: number,
    associated_kernels: z.array(z.looseObject({ kernel_name: z.string(), kernel_duration_us: number })).default([]),
    kernel_call_count_by_shape: z.record(z.string(), z.unknown()).nullish(),
  }),
)

/**
 * *_kernel_profile.json: an entry for each call, with the kernels it launched. Its inputs are those that its kernels are
 * listed under; calls without kernels do not tell theirs in order.
 */
export function kernelProfileOps(value: unknown): OpTotal[] {
  const sums = new OpSums('calls')
  for (const call of kernelProfile.parse(value)) {
    const shapes = Object.keys(call.kernel_call_count_by_shape ?? {})
    const durations = call.associated_kernels.map(({ kernel_duration_us }) => kernel_duration_us ?? 0)
    const name = call.cpu_op_name ?? '(no operator)'
    const deviceNs = ns(durations.reduce((sum, us) => sum + us, 0))
    const op = sums.add(name, name, shapes.length === 1 ? (shapes[0] as string) : null, {
      count: 1,
      cpuNs: ns(call.cpu_time_us),
      // The file lists each kernel under the one operator that launched it.
      deviceNs,
      selfDeviceNs: deviceNs,
    })
    for (const kernel of call.associated_kernels) addKernel(op, kernel.kernel_name, 1, ns(kernel.kernel_duration_us))
  }
  return sums.all()
}
