import type { Page } from './metrics-server.ts'

/** SGLang with four data-parallel ranks, in no order; each has its own process, and token counts have no rank. */
export const RANKS = { running: [3, 1, 0, 2], waiting: [0, 0, 5, 0], use: [0.9, 0.1, 0, 0.4] }

export const sglangRanks: Page = (n) => {
  const line = (name: string, rank: number, value: number) =>
    `sglang:${name}{dp_rank="${rank}",model_name="mock",pid="77${rank}",pp_rank="0",tp_rank="${rank}"} ${value.toFixed(1)}\n`
  const each = (name: string, values: number[]) => [2, 0, 3, 1].map((rank) => line(name, rank, values[rank] as number))
  return [
    '# TYPE sglang:num_running_reqs gauge\n',
    ...each('num_running_reqs', RANKS.running),
    ...each('num_queue_reqs', RANKS.waiting),
    ...each('token_usage', RANKS.use),
    'sglang:fwd_occupancy{dp_rank="0"} NaN\n',
    `sglang:generation_tokens_total{model_name="mock"} ${8 * n}\n`,
  ].join('')
}

/** Pages before the restart: the one after them is the first of two that the restarting server refuses. */
export const BEFORE = 6

/** llama.cpp that restarts within the run: its counters start at zero again. */
export const restarting: Page = (n) => {
  if (n === BEFORE + 1 || n === BEFORE + 2)
    return { status: 503, body: '{"error":{"message":"Loading model","code":503}}' }
  const [predicted, prompt] =
    n <= BEFORE ? [1000 + 10 * n, 5000 + 20 * n] : [10 * (n - BEFORE - 3), 20 * (n - BEFORE - 3)]
  return [
    `llamacpp:prompt_tokens_total ${prompt}`,
    `llamacpp:tokens_predicted_total ${predicted}`,
    `llamacpp:n_busy_slots_per_decode ${n === 1 ? '-nan' : 1}`,
    'llamacpp:requests_processing 1',
    '',
  ].join('\n')
}

/** What the pages from the n-th of the run to the last added: before the restart by steps of 10, then what it shows. */
export function addedBy(first: number, last: number): number {
  return 10 * (BEFORE - first) + 10 * (last - BEFORE - 3)
}

/** TensorRT-LLM's own JSON of iterations, and its page of Prometheus metrics without a prefix. */
export const trtllmIterations = JSON.stringify([{ iter: 1, iterLatencyMS: 11.5, numActiveRequests: 1 }])
export const trtllmPage = [
  'e2e_request_latency_seconds_sum{engine_type="undefined",model_name="undefined"} 3.5',
  'e2e_request_latency_seconds_bucket{engine_type="undefined",le="+Inf",model_name="undefined"} 2.0',
  'e2e_request_latency_seconds_count{engine_type="undefined",model_name="undefined"} 2.0',
  'request_success_total{engine_type="undefined",finished_reason="length",model_name="undefined"} 2.0',
  '',
].join('\n')

const GPU =
  'gpu="0",UUID="GPU-0a",pci_bus_id="00000000:B1:00.0",device="nvidia0",modelName="NVIDIA H100 80GB HBM3",hostname="node-a"'
const MIG =
  'gpu="1",UUID="GPU-1b",device="nvidia1",modelName="NVIDIA A30",GPU_I_PROFILE="1g.6gb",GPU_I_ID="3",hostname="node-a",pod=""'

/** A DCGM exporter with the sentinels and spikes that real ones were reported with; power is 300 W, energy agrees. */
export function dcgmPage(n: number, seconds: number): string {
  const util = n % 3 === 0 ? 4294967295 : n % 5 === 0 ? 808334905 : 60
  const odd = n % 4 === 2
  return [
    `DCGM_FI_DEV_GPU_UTIL{${GPU}} ${util}`,
    `DCGM_FI_DEV_POWER_USAGE{${GPU}} ${odd ? '140737488355330.0' : '300.0'}`,
    `DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{${GPU}} ${Math.round(5e9 + 300_000 * seconds)}`,
    `DCGM_FI_DEV_FB_USED{${GPU}} ${odd ? '9223372036854775793' : 1000}`,
    `DCGM_FI_DEV_XID_ERRORS{${GPU}} ${odd ? 2147483634 : 0}`,
    `DCGM_FI_PROF_SM_ACTIVE{${GPU}} ${odd ? '140737488355328.0' : 0.5}`,
    // A field that profiling shows only once it runs.
    ...(n > 3 ? [`DCGM_FI_PROF_DRAM_ACTIVE{${GPU}} 0.25`] : []),
    `DCGM_FI_DEV_FB_USED{${MIG}} 200`,
    `DCGM_FI_PROF_SM_ACTIVE{${MIG}} 0.1`,
    '',
  ].join('\n')
}
