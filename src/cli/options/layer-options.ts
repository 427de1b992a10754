import { GPU_VALUES } from '../../sources/gpu/gpu-sources.ts'
import { PROBE_ALIASES, PROBE_SETS, PROBE_SETS_ON_REQUEST } from '../../sources/os/probe-sets.ts'
import type { OptionSpec } from './option-spec.ts'

/** What is recorded beside the requests: hardware, engine, kernel. */
export const LAYER_OPTIONS = {
  'sample-ms': {
    kind: 'integer',
    value: 'MS',
    min: 10,
    doc: 'sampling period of machine, engine and GPU',
    default: '100',
  },
  periods: { kind: 'list', value: 'LIST', doc: 'periods to try, ms', default: '1000,100,50,20,10' },
  gpu: {
    kind: 'text',
    value: 'WHERE',
    doc: `source of GPU samples: ${GPU_VALUES}`,
    default: 'SURF_HOST over ssh if set, else auto',
  },
  'gpu-list': { kind: 'list', value: 'LIST', doc: 'only these GPUs, by index or UUID; or GPU_LIST', default: 'all' },
  'ssh-key': {
    kind: 'text',
    value: 'FILE',
    doc: "private key for --gpu ssh://…, or SURF_KEY_PATH; ssh's own configuration and agent also apply",
  },
  'ssh-config': {
    kind: 'text',
    value: 'FILE',
    doc: 'ssh configuration to use; or LAYERLINE_SSH_CONFIG',
    default: '~/.ssh/config',
  },
  'engine-metrics': {
    kind: 'text',
    value: 'URL',
    doc: "the server's Prometheus metrics, `http://host:8000/metrics`: requests running and waiting, KV cache, tokens",
  },
  'step-log': {
    kind: 'text',
    value: 'FOLDER',
    doc: 'folder where vLLM with the plugin layerline-vllm logs its steps (its LAYERLINE_STEP_LOG), local or ssh://[user@]host[:port]/path; `none`: not read',
    default: 'that of a managed engine',
  },
  profile: {
    kind: 'switch',
    doc: "run the server's profiler for a window (vLLM's /start_profile and /stop_profile) and read the profile into this run; latencies exclude requests of that time",
  },
  'profile-window': {
    kind: 'text',
    value: 'START+DURATION',
    doc: 'profiled window, seconds after the first request, `2+0.5`',
    default: '0+1',
  },
  'profile-dir': {
    kind: 'text',
    value: 'FOLDER',
    doc: "the server's torch_profiler_dir, local or ssh://[user@]host[:port]/path",
    default: 'that of a managed engine',
  },
  os: {
    kind: 'text',
    value: 'PID|auto',
    doc: "record the server's processes on this machine as the kernel sees them, by bpftrace as root, else from /proc; auto: the managed engine, or the listener on the URL's port (docs/os.md)",
    default: 'off',
  },
  probes: {
    kind: 'list',
    value: 'LIST',
    doc: `probe sets: ${PROBE_SETS.join(', ')}; also ${PROBE_ALIASES.join(', ')}`,
    default: `all but ${PROBE_SETS_ON_REQUEST.join(', ')}`,
  },
  certify: {
    kind: 'seconds',
    value: 'S',
    preset: '2',
    min: 0.1,
    doc: 'measure what recording costs: each layer is switched off and on in blocks of S seconds (2) in random order, and `report` shows what it adds to latency (docs/certify.md)',
  },
  'otlp-listen': {
    kind: 'integer',
    value: 'PORT',
    preset: '4318',
    min: 0,
    max: 65_535,
    doc: "receive the server's OTLP spans (http/protobuf) at http://127.0.0.1:PORT/v1/traces (4318), vLLM's --otlp-traces-endpoint; queue, prefill and decode of each request become slices",
  },
  'otlp-endpoint': {
    kind: 'text',
    value: 'URL',
    doc: 'vllm: send one span per request to URL, `http://127.0.0.1:4318/v1/traces`; see --otlp-listen of trace',
  },
  pid: { kind: 'integer', value: 'P', min: 1, doc: 'attach: this process and its children' },
  cgroup: {
    kind: 'text',
    value: 'PATH',
    doc: 'attach: the processes of a cgroup, given as a folder or a path below /sys/fs/cgroup',
  },
  comm: { kind: 'text', value: 'NAME', doc: 'attach: the processes that have this name now, and their children' },
  system: { kind: 'switch', doc: 'attach: every process of the machine' },
  simulate: {
    kind: 'switch',
    doc: 'run: a small program that does known amounts of what the probes count (needs python3)',
  },
  events: {
    kind: 'switch',
    doc: 'also print rare events as JSON lines: opened and mapped files, mlock, exec, forward passes',
  },
  window: {
    kind: 'text',
    value: 'START+DURATION',
    doc: 'record each time a thread is on a CPU as a slice, in this window after the probes are attached, `2+0.5`',
  },
} as const satisfies Record<string, OptionSpec>
