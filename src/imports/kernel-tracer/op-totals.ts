/** An operator with inputs of some shapes, summed over a trace: what KernelTracer's files hold. Times are ns. */
export interface OpTotal {
  /** As the file names it. */
  name: string
  /** Without overload, as PyTorch's profiler says it: `aten::mm` for `aten.mm.default`. */
  op: string
  /** Its inputs, as the file writes them; null where it does not tell. */
  shapes: string | null
  /** What `count` counts: calls that were made, or nodes of graphs that were compiled. */
  counted: 'calls' | 'graph_nodes'
  count: number | null
  /** With the operators that it calls. */
  cpuNs: number | null
  selfCpuNs: number | null
  /** Of what it and the operators that it calls launched on a device. */
  deviceNs: number | null
  /** Of what it launched itself. */
  selfDeviceNs: number | null
  stack: string | null
  kernels: KernelTotal[]
}

/** A kernel, summed over the calls of one operator. */
export interface KernelTotal {
  name: string
  count: number | null
  totalNs: number | null
  minNs: number | null
  maxNs: number | null
  /** How it is launched, JSON, if a compiler recorded it. */
  config: string | null
}

type Sums = Partial<Pick<OpTotal, 'count' | 'cpuNs' | 'selfCpuNs' | 'deviceNs' | 'selfDeviceNs'>>

/** Adds up entries of the same operator, inputs and, where they are kept, stack. */
export class OpSums {
  private readonly totals = new Map<string, OpTotal>()
  private readonly counted: OpTotal['counted']

  constructor(counted: OpTotal['counted']) {
    this.counted = counted
  }

  add(name: string, op: string, shapes: string | null, sums: Sums, stack: string | null = null): OpTotal {
    const key = JSON.stringify([name, shapes, stack])
    let total = this.totals.get(key)
    if (total === undefined) {
      const none = { count: null, cpuNs: null, selfCpuNs: null, deviceNs: null, selfDeviceNs: null }
      total = { name, op, shapes, counted: this.counted, ...none, stack, kernels: [] }
      this.totals.set(key, total)
    }
    for (const what of ['count', 'cpuNs', 'selfCpuNs', 'deviceNs', 'selfDeviceNs'] as const) {
      const more = sums[what]
      if (more !== undefined && more !== null) total[what] = (total[what] ?? 0) + more
    }
    return total
  }

  all(): OpTotal[] {
    return [...this.totals.values()]
  }
}

/** Adds one run of a kernel, or several, to those of an operator. */
export function addKernel(op: OpTotal, name: string, count: number, durationNs: number | null): void {
  let kernel = op.kernels.find((each) => each.name === name)
  if (kernel === undefined) {
    kernel = { name, count: 0, totalNs: null, minNs: null, maxNs: null, config: null }
    op.kernels.push(kernel)
  }
  kernel.count = (kernel.count ?? 0) + count
  if (durationNs === null) return
  kernel.totalNs = (kernel.totalNs ?? 0) + durationNs
  kernel.minNs = Math.min(kernel.minNs ?? durationNs, durationNs)
  kernel.maxNs = Math.max(kernel.maxNs ?? durationNs, durationNs)
}

/** `aten.mm.default` and `torch.ops.aten.mm.default` as the profiler calls it: `aten::mm`. What names no overload is none. */
export function opOfOverload(name: string): string {
  const [, namespace, op] = /^(?:torch\.ops\.)?(\w+)\.(\w+)\.\w+$/.exec(name) ?? []
  return op === undefined ? name : `${namespace}::${op}`
}
