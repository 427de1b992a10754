import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Report } from '../src/analysis/report.ts'
import type { Inventory } from '../src/session/kernels/inventory/inventory.ts'
import { layerline, sqlRows } from './support/cli.ts'
import { tempFolder } from './support/temp-folder.ts'

/** Files as KernelTracer writes them. */
const profile = (count: number) => ({
  'aten::mm': [
    {
      count,
      cpu_time_total: 30,
      cuda_time_total: 12,
      self_cpu_time_total: 20.5,
      input_shapes: '[[2, 4], [4, 8]]',
      stack: ['a.py(1): f'],
    },
    {
      count: 1,
      cpu_time_total: 5,
      cuda_time_total: 2,
      self_cpu_time_total: 5,
      input_shapes: '[[2, 4], [4, 8]]',
      stack: ['a.py(2): g'],
    },
    {
      count: 7,
      cpu_time_total: 70,
      cuda_time_total: 0,
      self_cpu_time_total: 60,
      input_shapes: '[[1, 4], [4, 8]]',
      stack: [],
    },
  ],
  'aten::silu': [
    { count: 2, cpu_time_total: 4, cuda_time_total: 1, self_cpu_time_total: 3, input_shapes: '', stack: [] },
  ],
})
const call = (name: string, us: number, kernels: [string, number][], shape: string) => ({
  sequence_number: null,
  cpu_op_name: name,
  cpu_op_cat: 'cpu_op',
  cpu_external_id: 1,
  cpu_time_us: us,
  total_kernel_time_us: kernels.reduce((sum, [, each]) => sum + each, 0),
  kernel_call_count: {},
  associated_kernels: kernels.map(([kernel_name, kernel_duration_us]) => ({
    kernel_name,
    kernel_cat: 'kernel',
    kernel_external_id: 1,
    kernel_duration_us,
    stream_id: 7,
  })),
  kernel_call_count_by_shape: kernels.length === 0 ? {} : { [shape]: {} },
  kernel_call_count_by_stream: {},
  kernel_duration_stats_us: { min: 0, max: 0, avg: 0 },
  input_dims_count: {},
  call_stack: null,
})
const SHAPE = '(float, (2, 4));(float, (4, 8))'
const KERNEL_PROFILE = [
  call(
    'aten::mm',
    9,
    [
      ['gemm<4, 8>', 1.5],
      ['reduce', 0.25],
    ],
    SHAPE,
  ),
  call('aten::mm', 8, [['gemm<4, 8>', 2.5]], SHAPE),
  call('aten::view', 1, [], ''),
]
const CSV =
  'cpu_op_name,cpu_op_total_count,gpu_kernel_name,gpu_kernel_total_count\naten::mm,5,"gemm<4, 8>",4\n,,reduce,1\naten::lift_fresh,5,,\n'
const DISPATCH = {
  'aten.mm.default': [
    { count: 36, inputs: '((T([2, 4], f16), T([4, 8], f16, stride=(1, 4))), {})' },
    { count: 1, inputs: '((T([2, 4], f16), T([4, 9], f16)), {})' },
  ],
}
const node = (op: string, target: string) => ({ name: 'n', op, target, args: [], kwargs: {}, users: [] })
const FX = {
  type: 'fx_graph',
  nodes: [
    node('placeholder', 'x'),
    node('call_function', 'torch._C._nn.linear'),
    node('call_method', 'view'),
    node('output', 'output'),
  ],
}
const ATEN = `===== Graph 0 =====
graph():
    %arg0_1 : [num_users=1] = placeholder[target=arg0_1]
    %mm : [num_users=1] = call_function[target=torch.ops.aten.mm.default](args = (%arg0_1, %arg0_1), kwargs = {})
    %getitem : [num_users=1] = call_function[target=operator.getitem](args = (%mm, 0), kwargs = {})
    return (getitem,)
===== Graph 1 =====
graph():
    %mm_1 : [num_users=1] = call_function[target=torch.ops.aten.mm.default](args = (%a, %b), kwargs = {})
`
const TRITON = [
  { kernel_name: 'triton_red_fused_mean_0', ptx: 'a.ptx', cubin: 'a.cubin', launch_config: { num_warps: 16 } },
]

const marker = (tracer: string, more: Record<string, unknown> = {}) => ({
  tracer,
  framework: 'huggingface',
  model: 'QwenForCausalLM',
  device: 'cuda',
  mode: 'eval',
  timestamp: '2026-01-01T00:00:00Z',
  success: true,
  ...more,
})

function outputs(): string {
  const folder = tempFolder()
  const trace = (path: string, files: Record<string, unknown>) => {
    mkdirSync(join(folder, 'outputs', path), { recursive: true })
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(
        join(folder, 'outputs', path, name),
        typeof content === 'string' ? content : JSON.stringify(content),
      )
    }
  }
  const status = (tracer: string, more = {}) => ({ '_TRACE_STATUS.json': marker(tracer, more) })
  trace('Qwen/A/eval/torch_profiler', {
    ...status('torch_profiler'),
    'torch_profile.json': profile(3),
    'torch_kernel_profile.json': KERNEL_PROFILE,
    'torch_kernel_profile.csv': CSV,
  })
  trace('Qwen/A/eval/torch_dispatch', { ...status('torch_dispatch'), 'torch_dispatch.json': DISPATCH })
  trace('Qwen/A/eval/print_fx', { 'print_fx.json': FX })
  trace('Qwen/A/eval/print_aten_ops', { ...status('print_aten_ops'), 'print_aten.txt': ATEN })
  trace('Qwen/A/eval/torch_inductor', {
    ...status('torch_inductor'),
    'torch_inductor_kernels.json': TRITON,
    'torch_inductor.txt': 'a.py\n',
  })
  trace('Qwen/B/eval/vllm_profiler', {
    ...status('vllm_profiler', { framework: 'vllm' }),
    'vllm_profile.json': {
      'aten::mm': { count: 4, cpu_time_total: 8 },
      '_C::rms_norm': { count: 2, cpu_time_total: 6 },
    },
    'vllm_kernel_profile.csv': CSV,
  })
  trace('Qwen/B/eval/torch_dispatch', {
    ...status('torch_dispatch', { success: false, error: { kind: 'crash', message: 'x' } }),
    'torch_dispatch.json': DISPATCH,
  })
  return folder
}

test("KernelTracer's files become sums of a run: nothing is given a time, and nothing counted twice", async () => {
  const folder = outputs()
  const { code, stderr } = await layerline(folder, ['import', 'outputs', '--out', 'run'])
  expect([code, stderr]).toEqual([0, ''])
  const ops = await sqlRows(
    folder,
    'run',
    'SELECT source, model, mode, framework, name, op, shapes, counted, count AS n, cpu_ns, self_cpu_ns, device_ns FROM ops',
  )
  const of = (source: string) => ops.filter((op) => op.source === source).map(({ source: _, ...rest }) => rest)
  const A = { model: 'Qwen/A', mode: 'eval', framework: 'huggingface', counted: 'calls' }
  expect(of('Qwen/A/eval/torch_profiler/torch_profile.json')).toEqual([
    {
      ...A,
      name: 'aten::mm',
      op: 'aten::mm',
      shapes: '[[2, 4], [4, 8]]',
      n: 4,
      cpu_ns: 35_000,
      self_cpu_ns: 25_500,
      device_ns: 14_000,
    },
    {
      ...A,
      name: 'aten::mm',
      op: 'aten::mm',
      shapes: '[[1, 4], [4, 8]]',
      n: 7,
      cpu_ns: 70_000,
      self_cpu_ns: 60_000,
      device_ns: 0,
    },
    {
      ...A,
      name: 'aten::silu',
      op: 'aten::silu',
      shapes: null,
      n: 2,
      cpu_ns: 4000,
      self_cpu_ns: 3000,
      device_ns: 1000,
    },
  ])
  expect(of('Qwen/A/eval/torch_profiler/torch_kernel_profile.json')).toMatchObject([
    { name: 'aten::mm', shapes: SHAPE, n: 2, cpu_ns: 17_000, self_cpu_ns: null, device_ns: 4250 },
    { name: 'aten::view', shapes: null, n: 1, cpu_ns: 1000, device_ns: 0 },
  ])
  // The CSV beside says the same once more.
  expect(of('Qwen/A/eval/torch_profiler/torch_kernel_profile.csv')).toEqual([])
  expect(of('Qwen/B/eval/vllm_profiler/vllm_kernel_profile.csv')).toMatchObject([
    { name: 'aten::mm', n: 5, cpu_ns: null },
    { name: 'aten::lift_fresh', n: 5, cpu_ns: null },
  ])
  expect(of('Qwen/A/eval/torch_dispatch/torch_dispatch.json')).toMatchObject([
    {
      name: 'aten.mm.default',
      op: 'aten::mm',
      n: 36,
      shapes: '((T([2, 4], f16), T([4, 8], f16, stride=(1, 4))), {})',
      cpu_ns: null,
    },
    { op: 'aten::mm', n: 1 },
  ])
  expect(of('Qwen/A/eval/print_fx/print_fx.json')).toMatchObject([
    {
      model: 'Qwen/A',
      framework: null,
      name: 'torch._C._nn.linear',
      op: 'torch._C._nn.linear',
      counted: 'graph_nodes',
      n: 1,
    },
    { name: 'view', n: 1 },
  ])
  expect(of('Qwen/A/eval/print_aten_ops/print_aten.txt')).toMatchObject([
    { name: 'torch.ops.aten.mm.default', op: 'aten::mm', counted: 'graph_nodes', n: 2 },
    { op: 'operator.getitem', n: 1 },
  ])
  const kernels = await sqlRows(
    folder,
    'run',
    'SELECT o.op, k.source, k.name, k.count AS n, k.total_ns, k.min_ns, k.max_ns, k.config FROM op_kernels k LEFT JOIN ops o USING (op_id) ORDER BY k.source, k.name',
  )
  const source = 'Qwen/A/eval/torch_profiler/torch_kernel_profile.json'
  expect(kernels).toMatchObject([
    { op: null, name: 'triton_red_fused_mean_0', n: null, total_ns: null, config: '{"num_warps":16}' },
    { op: 'aten::mm', source, name: 'gemm<4, 8>', n: 2, total_ns: 4000, min_ns: 1500, max_ns: 2500 },
    { op: 'aten::mm', source, name: 'reduce', n: 1, total_ns: 250 },
    { op: 'aten::mm', name: 'gemm<4, 8>', n: 4, total_ns: null },
    { op: 'aten::mm', name: 'reduce', n: 1, total_ns: null },
  ])
  expect(await sqlRows(folder, 'run', 'SELECT count(*) AS n FROM slices')).toEqual([{ n: 0 }])

  const report = JSON.parse((await layerline(folder, ['report', 'run', '--json'])).stdout) as Report
  expect(report.operators?.find((each) => each.source.endsWith('/torch_profile.json'))).toMatchObject({
    model: 'Qwen/A',
    ops: 2,
    shapes: 3,
    count: 13,
    self_cpu_ms: 0.0885,
    top: [
      { op: 'aten::mm', count: 11, shapes: 2, device_ms: 0.014 },
      { op: 'aten::silu', count: 2 },
    ],
  })
  expect(report.run.imported?.notes.map(({ text }) => text).join()).toContain('its marker says that the trace failed')
  expect((await layerline(folder, ['report', 'run'])).stdout).toMatch(
    /aten::mm +0\.014 ms on the device with inner operators, 0\.086 ms CPU, 11 calls, 2 inputs/,
  )
})

test('stacks are kept on request; a file that is not what its name says is named', async () => {
  const folder = outputs()
  const place = 'outputs/Qwen/A/eval/torch_profiler'
  await layerline(folder, ['import', `${place}/torch_profile.json`, '--stacks', '--out', 'run'])
  const stacks = await sqlRows(
    folder,
    'run',
    "SELECT stack, count AS n FROM ops WHERE shapes = '[[2, 4], [4, 8]]' ORDER BY n",
  )
  expect(stacks).toEqual([
    { stack: 'a.py(2): g', n: 1 },
    { stack: 'a.py(1): f', n: 3 },
  ])
  writeFileSync(join(folder, place, 'torch_profile.json'), '{"aten::mm": [{"calls": 3}]}')
  const { code, stderr } = await layerline(folder, ['import', place, '--out', 'wrong'])
  expect(code).toBe(2)
  expect(stderr).toMatch(/torch_profile\.json: aten::mm\.0\.count: /)
})

test('the inventory says which models need which operators, and which kernels serve them', async () => {
  const folder = outputs()
  const { code, stdout } = await layerline(folder, ['kernels', 'inventory', 'outputs', '--json'])
  expect(code).toBe(0)
  const inventory = JSON.parse(stdout) as Inventory
  // The failed trace, and the one without a marker, do not count.
  expect(inventory.traces.map(({ model, tracer }) => `${model} ${tracer}`).sort()).toEqual([
    'Qwen/A print_aten_ops',
    'Qwen/A torch_dispatch',
    'Qwen/A torch_inductor',
    'Qwen/A torch_profiler',
    'Qwen/B vllm_profiler',
  ])
  const summary = Object.fromEntries(inventory.ops.map(({ op, models, kernels }) => [op, { models, kernels }]))
  expect(summary).toEqual({
    '_C::rms_norm': { models: ['Qwen/B'], kernels: [] },
    'aten::lift_fresh': { models: ['Qwen/B'], kernels: [] },
    'aten::mm': { models: ['Qwen/A', 'Qwen/B'], kernels: ['gemm<4, 8>', 'reduce'] },
    'aten::silu': { models: ['Qwen/A'], kernels: [] },
    'aten::view': { models: ['Qwen/A'], kernels: [] },
  })
  expect(inventory.compiled).toEqual([
    { model: 'Qwen/A', mode: 'eval', kernel: 'triton_red_fused_mean_0', config: '{"num_warps":16}' },
  ])
  const mm = inventory.ops.find(({ op }) => op === 'aten::mm')
  expect(mm?.uses.find(({ file, shapes }) => file === 'torch_kernel_profile.json' && shapes === SHAPE)).toMatchObject({
    count: 2,
    device_us: 4.25,
    kernels: [
      { name: 'gemm<4, 8>', count: 2, total_us: 4 },
      { name: 'reduce', count: 1 },
    ],
  })
  expect(JSON.parse(readFileSync(join(folder, 'outputs/inventory.json'), 'utf8'))).toMatchObject({ ops: inventory.ops })
  const [columns, ...rows] = readFileSync(join(folder, 'outputs/inventory.csv'), 'utf8').trimEnd().split('\n')
  expect(columns).toBe('op,shapes,model,framework,mode,device,tracer,file,counted,count,self_cpu_us,device_us,kernels')
  expect(rows).toHaveLength(inventory.ops.reduce((sum, { uses }) => sum + uses.length, 0))
  expect(rows).toContain(
    `aten::mm,"${SHAPE}",Qwen/A,huggingface,eval,cuda,torch_profiler,torch_kernel_profile.json,calls,2,,4.25,"gemm<4, 8>; reduce"`,
  )
  const text = (await layerline(folder, ['kernels', 'inventory', 'outputs'])).stdout
  expect(text).toMatch(/^5 operators in 2 models, 5 traces, 2 kernels\n/)
  expect(text).toMatch(/^aten::mm +2 +\d+ +2 +37 +5$/m)
  expect(text).toContain('only Qwen/B: _C::rms_norm, aten::lift_fresh')
})
