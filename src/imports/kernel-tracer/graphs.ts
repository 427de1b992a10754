import { z } from 'zod'
import { type KernelTotal, OpSums, type OpTotal, opOfOverload } from './op-totals.ts'

const CALLS = ['call_function', 'call_method', 'call_module']
const nodes = z.array(z.looseObject({ op: z.string(), target: z.string() }))
const fxGraphs = z.looseObject({ nodes, graphs: z.array(z.looseObject({ nodes })).nullish() })

/** print_fx.json: what the graphs call; with all graphs where they were kept, else of the one that was. */
export function fxOps(value: unknown): OpTotal[] {
  const { nodes: first, graphs } = fxGraphs.parse(value)
  const sums = new OpSums('graph_nodes')
  for (const { op, target } of graphs?.flatMap((graph) => graph.nodes) ?? first) {
    if (!CALLS.includes(op)) continue
    const name = target.replace(/ at 0x[0-9a-f]+/g, '')
    sums.add(name, name.startsWith('aten.') ? opOfOverload(name) : name, null, { count: 1 })
  }
  return sums.all()
}

/** print_aten.txt: FX prints a call as `%mm : … = call_function[target=torch.ops.aten.mm.default](args = …`. */
export function atenTextOps(text: string): OpTotal[] {
  const sums = new OpSums('graph_nodes')
  for (const [, target = ''] of text.matchAll(/= call_(?:function|method|module)\[target=([^\]]+)\]\(/g)) {
    sums.add(target, opOfOverload(target), null, { count: 1 })
  }
  return sums.all()
}

const atenGraphs = z.looseObject({ graphs: z.array(z.looseObject({ ops: z.record(z.string(), z.number()) })) })

/** print_aten.json: the same, counted by the tracer. */
export function atenOps(value: unknown): OpTotal[] {
  const sums = new OpSums('graph_nodes')
  for (const { ops } of atenGraphs.parse(value).graphs) {
    for (const [name, count] of Object.entries(ops)) sums.add(name, opOfOverload(name), null, { count })
  }
  return sums.all()
}

const triton = z.array(z.looseObject({ kernel_name: z.string(), launch_config: z.unknown() }))

/** torch_inductor_kernels.json: kernels that were compiled; their work was not counted. */
export function compiledKernels(value: unknown): KernelTotal[] {
  return triton.parse(value).map(({ kernel_name: name, launch_config }) => ({
    name,
    count: null,
    totalNs: null,
    minNs: null,
    maxNs: null,
    config: launch_config == null ? null : JSON.stringify(launch_config),
  }))
}
