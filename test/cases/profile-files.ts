/** Profiles with the oddities that real ones have, as text. Times are µs. */

type Event = Record<string, unknown> | string

const BASE_NS = '1790000000000000000'

/** A profile as PyTorch writes it: facts, the list of events, more facts. Texts go in as they are. */
export function profile(events: readonly Event[], baseNs: string | null = BASE_NS): string {
  const list = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event))).join(',\n')
  const head = '"schemaVersion": 1, "distributedInfo": {"backend": "nccl", "rank": 0, "world_size": 1}'
  return `{${head}, "traceEvents": [\n${list}\n], "traceName": "x.json"${baseNs === null ? '' : `, "baseTimeNanoseconds": ${baseNs}`}}`
}

export function op(name: string, ts: number, dur: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { ph: 'X', cat: 'cpu_op', name, pid: 100, tid: 101, ts, dur, args: {}, ...more }
}

export function launch(correlation: number, ts: number, dur = 4): Record<string, unknown> {
  return op('cudaLaunchKernel', ts, dur, { cat: 'cuda_runtime', args: { correlation } })
}

export function kernel(name: string, correlation: number, ts: number, dur: number): Record<string, unknown> {
  return op(name, ts, dur, { cat: 'kernel', pid: 0, tid: 7, args: { device: 0, stream: 7, correlation } })
}

/** Three launches with their kernels, absolute since 1970, and two kernels whose record on the device was lost. */
export function lostStamps(place: 'first' | 'middle', stamp: number): string {
  const zero = 1_615_207_264_505_000
  const good = [0, 1, 2].flatMap((i) => [
    launch(10 + i, zero + 100 * i, 6),
    kernel(`gemm_${i}`, 10 + i, zero + 100 * i + 20, 50),
  ])
  const lost = [kernel('lost_a', 90, stamp, 0), kernel('lost_b', 91, stamp, 0)]
  return profile(place === 'first' ? [...lost, ...good] : [...good.slice(0, 3), ...lost, ...good.slice(3)], null)
}

/** Twelve good events, and three operators that still ran when recording ended. */
export function unfinished(): string {
  const good = [0, 1, 2, 3].flatMap((i) => [
    op('aten::mm', 1000 * i + 1, 400),
    launch(20 + i, 1000 * i + 100, 5),
    kernel('gemm', 20 + i, 1000 * i + 150, 300),
  ])
  const wild = (dur: string) =>
    `{"ph":"X","cat":"cpu_op","name":"aten::wild","pid":100,"tid":102,"ts":500,"dur":${dur},"args":{}}`
  return profile([wild('7510172769854775.808'), ...good, wild('-1'), wild('9223372036854775.807')])
}

/** Step 1: kernels 50-60, 57-67 and 70-80. Step 2, if wanted: one of 1.6 s over two short ones. */
export function overlapping(steps: 1 | 2): string {
  const step = (name: string, ts: number) => op(name, ts, 200, { cat: 'user_annotation' })
  const first = [
    step('execute_context_1(8)_generation_0(0)', 0),
    launch(1, 10),
    launch(2, 20),
    launch(3, 30),
    kernel('gemm_primary', 1, 50, 10),
    kernel('gemm_secondary_pdl', 2, 57, 10),
    kernel('norm', 3, 70, 10),
  ]
  const second = [
    step('execute_context_0(0)_generation_1(1)', 300),
    launch(4, 310),
    launch(5, 320),
    launch(6, 330),
    kernel('attention_overflowing', 4, 350, 1_600_000),
    kernel('gemm_after', 5, 400, 20),
    kernel('norm_after', 6, 430, 10),
  ]
  return profile(steps === 1 ? first : [...first, ...second])
}

/** Large integers, words that are no JSON, control characters and bytes that are no UTF-8. */
export function oddBytes(): Buffer {
  const event = (name: string, cat: string, rest: string) =>
    `{"ph":"X","cat":"${cat}","name":"${name}","pid":100,"tid":101,${rest}}`
  const text = profile([
    event(
      'nccl:all_reduce',
      'cpu_op',
      '"ts":1.000,"dur":20.5,"args":{"Comms Id":18446744073709551615,"In msg nelems":NaN}',
    ),
    event('cudaLaunchKernelExC', 'cuda_runtime', '"ts":5.000,"dur":3,"args":{"correlation":4294967295}'),
    '{"ph":"X","cat":"kernel","name":"ncclDevKernel","pid":0,"tid":20,"ts":12,"dur":40,"args":{"stream":20,"correlation":4294967295,"warps":Infinity,"occupancy":-nan}}',
    event('ctl\u0001mark', 'user_annotation', '"ts":60,"dur":1,"args":{}'),
    event('bad@(bytes', 'user_annotation', '"ts":62,"dur":1,"args":{}'),
    event('aten::last', 'cpu_op', '"ts":1.0e2,"dur":5e-1,"args":{"Concrete Inputs":["","tab\there"]}'),
  ])
  const bytes = Buffer.from(text, 'latin1')
  const at = bytes.indexOf('bad@') + 3
  return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff, 0xfe, 0xc3]), bytes.subarray(at + 1)])
}

/** torch_npu's trace_view.json: a bare list, times as texts or numbers, absolute with three decimals. */
export function ascend(times: 'texts' | 'numbers'): string {
  const us = (time: string) => (times === 'texts' ? `"${time}"` : time)
  const events: [name: string, pid: number, tid: number, ts: string, dur: string, cat: string][] = [
    ['aten::matmul', 31, 900, '1715592342123456.789', '30.4', 'cpu_op'],
    ['aten::mm', 31, 900, '1715592342123456.790', '30.398', 'cpu_op'],
    ['MatMulV2', 45, 2, '1715592342123496.101', '10.0', ''],
    ['Add', 45, 2, '1715592342123506.102', '5.003', ''],
    ['Cast', 45, 2, '1715592342123511.105', '1.25', ''],
  ]
  return `[${[
    '{"ph":"M","name":"process_name","pid":31,"args":{"name":"Python"}}',
    ...events.map(
      ([name, pid, tid, ts, dur, cat]) =>
        `{"ph":"X","name":"${name}","pid":${pid},"tid":${tid},"ts":${us(ts)},"dur":${dur},"cat":"${cat}","args":{}}`,
    ),
    `{"ph":"s","bp":"e","name":"async_npu","id":"1715592342123456789","pid":31,"tid":900,"ts":${us('1715592342123457.000')},"cat":"async_npu"}`,
    '{"ph":"M","name":"process_name","pid":45,"tid":0,"args":{"name":"Ascend Hardware"}}',
    `{"ph":"f","bp":"e","name":"async_npu","id":"1715592342123456789","pid":45,"tid":2,"ts":${us('1715592342123496.101')},"cat":"async_npu"}`,
  ].join(',')}]`
}

/**
 * The same profiler's flows: an operator (`async_npu`) and the call of CANN's that it makes (`HostToDevice`) both point at
 * the start of a kernel; of the second kernel the file has the operator only, of the third one end.
 */
export function ascendFlows(): string[] {
  const slice = (name: string, pid: number, tid: number, ts: string, dur: string, cat = '') =>
    `{"ph":"X","name":"${name}","pid":${pid},"tid":${tid},"ts":"${ts}","dur":${dur},"cat":"${cat}","args":{}}`
  const flow = (ph: string, cat: string, id: string, pid: number, tid: number, ts: string) =>
    `{"ph":"${ph}","bp":"e","name":"${cat}","id":${id},"pid":${pid},"tid":${tid},"ts":"${ts}","cat":"${cat}"}`
  return [
    '{"ph":"M","name":"process_name","pid":45,"tid":0,"args":{"name":"Ascend Hardware"}}',
    '{"ph":"M","name":"process_name","pid":33,"tid":0,"args":{"name":"CANN"}}',
    slice('aten::outer', 31, 900, '1715592342123400.000', '500.0', 'cpu_op'),
    slice('aten::mm', 31, 900, '1715592342123400.001', '30.0', 'cpu_op'),
    slice('aten::add', 31, 900, '1715592342123440.000', '5.0', 'cpu_op'),
    slice('Node@launch', 33, 901, '1715592342123410.500', '4.0'),
    slice('MatMulV2', 45, 2, '1715592342123496.101', '10.0'),
    slice('Add', 45, 2, '1715592342123506.102', '5.003'),
    slice('Cast', 45, 2, '1715592342123511.105', '1.25'),
    flow('s', 'async_npu', '"1715592342123496101"', 31, 900, '1715592342123400.001'),
    flow('f', 'async_npu', '"1715592342123496101"', 45, 2, '1715592342123496.101'),
    flow('f', 'HostToDevice', '81604378624', 45, 2, '1715592342123496.101'),
    flow('s', 'HostToDevice', '81604378624', 33, 901, '1715592342123410.500'),
    // Two ids that a double takes for one.
    flow('s', 'async_npu', '"1715592342123506102"', 31, 900, '1715592342123441.000'),
    flow('f', 'async_npu', '"1715592342123506102"', 45, 2, '1715592342123506.102'),
    flow('f', 'async_npu', '"1715592342123506103"', 45, 2, '1715592342123511.105'),
    // Ends at no kernel's start, and a flow of another kind.
    flow('s', 'HostToDevice', '7', 33, 901, '1715592342123410.500'),
    flow('f', 'HostToDevice', '7', 45, 2, '1715592342123496.102'),
    flow('s', 'fwdbwd', '8', 31, 900, '1715592342123400.001'),
  ]
}

/** Three spans of 900 µs that belong to no thread, each with an instant in it. */
export function asyncSpans(): Record<string, unknown>[] {
  return [0, 1, 2].flatMap((i) => {
    const at = (ph: string, ts: number) => ({
      cat: 'request',
      pid: 1,
      tid: 1,
      id: `0x3${i + 1}`,
      name: `request ${i}`,
      ph,
      ts: 1000 * i + ts,
    })
    return [at('b', 0), at('n', 200), at('e', 900)]
  })
}
