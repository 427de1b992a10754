import { randomStream } from '../../src/base/random-stream.ts'

/** What a generated trace is made of, and so what an import of it must find. */
export interface TraceTruth {
  events: number
  slices: number
  pythonFunctions: number
  kernels: number
  /** Engine steps, and the tokens in them. */
  steps: number
  tokens: number
}

export interface TracePlan {
  readonly seed: number
  /** Events of all kinds, about. */
  readonly events: number
  readonly rank: number
}

const PID = 4711
const BASE_NS = '1790857026000000000'
const START_US = 4_457_717_000_000
const FIRST_CHUNK = 1 << 16

const OPS = [
  'linear',
  'mm',
  'addmm',
  'layer_norm',
  'silu',
  'mul',
  'add',
  'copy_',
  'reshape',
  'scaled_dot_product_attention',
]
const KERNELS = [
  'void at::native::vectorized_elementwise_kernel<4, at::native::BinaryFunctor<c10::BFloat16, c10::BFloat16, c10::BFloat16, at::native::binary_internal::MulFunctor<float> >, std::array<char*, 3ul> >(int, at::native::BinaryFunctor<c10::BFloat16>)',
  'ampere_bf16_s16816gemm_bf16_128x64_ldg8_f2f_stages_64x4_tn',
  'void flash_fwd_splitkv_kernel<Flash_fwd_kernel_traits<128, 64, 128, 4, false, false, cutlass::bfloat16_t> >(Flash_fwd_params)',
  'void vllm::rms_norm_kernel<c10::BFloat16>(c10::BFloat16*, c10::BFloat16 const*, c10::BFloat16 const*, float, int, int)',
  'ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevKernelArgsStorage<4096ul>)',
]

/**
 * A trace as the PyTorch profiler writes one of vLLM on a GPU, with Python stacks: the same fields, order and
 * indentation. Engine steps of a prefill now and then between decodes; in each, layers of Python functions, operators,
 * launches and kernels on two streams, with their flows. Texts of some 64 KiB are yielded; the truth is complete at the end.
 */
export function* generatedTrace(plan: TracePlan, truth: TraceTruth): Generator<string> {
  const random = randomStream('generated-trace', plan.seed).uniform
  let text = ''
  let us = START_US
  let id = 0
  let python = 0
  let lastEnd = [START_US, START_US]
  const event = (fields: string) => {
    text += `${truth.events === 0 ? '' : ','}\n  {\n    ${fields}\n  }`
    truth.events++
  }
  const slice = (cat: string, name: string, pid: number, tid: number, ts: number, dur: number, args: string) => {
    event(
      `"ph": "X",\n    "cat": "${cat}",\n    "name": "${name}",\n    "pid": ${pid},\n    "tid": ${tid},\n    "ts": ${ts.toFixed(3)},\n    "dur": ${dur.toFixed(3)}\n    ,\n    "args": {\n      ${args}\n    }`,
    )
    if (cat === 'python_function') truth.pythonFunctions++
    else truth.slices++
  }
  const meta = (name: string, tid: number, value: string) =>
    event(
      `"ph": "M",\n    "name": "${name}",\n    "ts": ${us.toFixed(3)},\n    "pid": ${PID},\n    "tid": ${tid},\n    "args": {\n      "name": "${value}"\n    }`,
    )
  const flow = (phase: string, pid: number, tid: number, ts: number, flowId: number) =>
    event(
      `"ph": "${phase}", "id": ${flowId}, "pid": ${pid}, "tid": ${tid}, "ts": ${ts.toFixed(3)},\n    "cat": "ac2g", "name": "ac2g"${phase === 'f' ? ', "bp": "e"' : ''}`,
    )

  text += ` {\n    "schemaVersion": 1,\n    "deviceProperties": [\n      {"id": 0, "name": "NVIDIA A10", "totalGlobalMem": 23609475072}\n    ],\n    "distributedInfo": {"backend": "nccl", "rank": ${plan.rank}, "world_size": 2},\n    "host_name": "gen",\n    "displayTimeUnit": "ms",\n    "baseTimeNanoseconds": ${BASE_NS},\n    "traceEvents": [\n    `
  meta('process_name', 0, 'VLLM::Worker')
  meta('thread_name', PID, `thread ${PID} (VLLM::Worker)`)
  while (truth.events < plan.events) {
    const prefill = random() < 0.05
    const requests = 1 + Math.floor(random() * 8)
    const tokens = prefill ? 16 + Math.floor(random() * 500) : 0
    const [start, body] = [us, text]
    text = ''
    for (let layer = 0; layer < 8; layer++) {
      for (let frame = 0; frame < 6; frame++) {
        slice(
          'python_function',
          `vllm/model_executor/layers/linear.py(${100 + ((layer * 6 + frame) % 40)}): forward`,
          PID,
          PID,
          us + frame * 0.2,
          90 - frame * 2,
          `"Python parent id": ${python}, "Python id": ${++python}, "Ev Idx": ${truth.events}`,
        )
      }
      for (let op = 0; op < 3; op++) {
        const external = ++id
        const at = us + 2 + op * 25 + random()
        const name = OPS[Math.floor(random() * OPS.length)]!
        slice(
          'cpu_op',
          `aten::${name}`,
          PID,
          PID,
          at,
          20,
          `"External id": ${external},"Record function id": 0, "Concrete Inputs": ["", "", ""], "Input type": ["c10::BFloat16", "c10::BFloat16", ""], "Input Dims": [[4096, 4096], [4096], []], "Ev Idx": ${truth.events}`,
        )
        if (op === 2) continue
        const stream = random() < 0.9 ? 7 : 13
        const kernel = KERNELS[stream === 13 ? 4 : Math.floor(random() * 4)]!
        const duration = 4 + random() * (prefill ? 200 : 20)
        const begin = Math.max(at + 9 + random() * 4, lastEnd[stream === 7 ? 0 : 1]! + 1)
        lastEnd = stream === 7 ? [begin + duration, lastEnd[1]!] : [lastEnd[0]!, begin + duration]
        slice(
          'cuda_runtime',
          'cudaLaunchKernel',
          PID,
          PID,
          at + 3,
          4.5,
          `"External id": ${external}, "cbid": 211, "correlation": ${external}`,
        )
        flow('s', PID, PID, at + 3, external)
        slice(
          'kernel',
          kernel,
          0,
          stream,
          begin,
          duration,
          `"External id": ${external}, "queued": 0, "device": 0, "context": 1,\n      "stream": ${stream}, "correlation": ${external},\n      "registers per thread": 32, "shared memory": 0,\n      "blocks per SM": 1.2, "warps per SM": 9.6,\n      "grid": [96, 1, 1], "block": [256, 1, 1], "est. achieved occupancy %": 20`,
        )
        flow('f', 0, stream, begin, external)
        truth.kernels++
      }
      us += 100
    }
    const inner = text
    text = body
    const [contexts, decodes] = [prefill ? 1 : 0, requests]
    truth.steps++
    truth.tokens += tokens + requests
    slice(
      'user_annotation',
      `execute_context_${contexts}(${tokens})_generation_${decodes}(${requests})`,
      PID,
      PID,
      start,
      us - start - 1,
      `"External id": ${++id},"Record function id": 0, "Ev Idx": ${truth.events}`,
    )
    text += inner
    us += 20
    if (text.length >= FIRST_CHUNK) {
      yield text
      text = ''
    }
  }
  yield `${text}\n  ],"traceName": "generated.json" }\n`
}

export function newTruth(): TraceTruth {
  return { events: 0, slices: 0, pythonFunctions: 0, kernels: 0, steps: 0, tokens: 0 }
}
