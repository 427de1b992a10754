import type { OptionSpec } from './option-spec.ts'

/** What is recorded beside the requests: hardware, engine, kernel. */
export const LAYER_OPTIONS = {
  'sample-ms': {
    kind: 'integer',
    value: 'MS',
    min: 10,
    doc: 'period of the samples of machine, engine and GPU',
    default: '100',
  },
  periods: { kind: 'list', value: 'LIST', doc: 'periods to try, ms', default: '1000,100,50,20,10' },
  gpu: {
    kind: 'text',
    value: 'WHERE',
    doc: "where GPU samples come from: auto (this machine's nvidia-smi, if there), none, local, ssh://[user@]host[:port] (nvidia-smi there, and that machine's /proc), dcgm:URL (a DCGM exporter)",
    default: 'SURF_HOST over ssh if that is set, else auto',
  },
  'gpu-list': { kind: 'list', value: 'LIST', doc: 'only these GPUs, by index or UUID; or GPU_LIST', default: 'all' },
  'ssh-key': {
    kind: 'text',
    value: 'FILE',
    doc: "private key for --gpu ssh://…; or SURF_KEY_PATH; ssh's own configuration and agent hold too",
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
    doc: "the server's page of metrics, as `http://host:8000/metrics`: requests running and waiting, KV cache, tokens",
  },
  'step-log': {
    kind: 'text',
    value: 'FOLDER',
    doc: "where vLLM with the plugin layerline-vllm logs its scheduler's steps (LAYERLINE_STEP_LOG there): a folder of this machine, or ssh://[user@]host[:port]/path; `none`: not read",
    default: "the engine's own, if it is in our care",
  },
  profile: {
    kind: 'switch',
    doc: "have the server's profiler run for a window (vLLM's /start_profile and /stop_profile) and read its traces into this run; requests of that time are marked, and left out of latencies",
  },
  'profile-window': {
    kind: 'text',
    value: 'START+DURATION',
    doc: 'when to profile, seconds from the first request on, `2+0.5`; the server then takes its time to write',
    default: '0+1',
  },
  'profile-dir': {
    kind: 'text',
    value: 'FOLDER',
    doc: "where the server's profiler writes (torch_profiler_dir): a folder of this machine, or ssh://[user@]host[:port]/path",
    default: "the engine's own, if it is in our care",
  },
  os: {
    kind: 'text',
    value: 'PID|auto',
    doc: "record what the kernel sees of the server on this machine (docs/os.md): auto: the engine in our care, or whoever listens on the URL's port; by bpftrace as root, else from /proc",
    default: 'off',
  },
  probes: {
    kind: 'list',
    value: 'LIST',
    doc: 'sets of probes: load, token, memory, sched, io, futex, gpu, cuda, net, arrivals, cpu, syscalls, or mmap, mlock, gpu-access alone',
    default: 'all but arrivals, cpu and syscalls',
  },
  certify: {
    kind: 'seconds',
    value: 'S',
    preset: '2',
    min: 0.1,
    doc: 'measure what watching costs: each layer is taken out and put back, in blocks of S seconds in random order, and `report` says what it adds to latency (docs/certify.md). S is 2 if left out',
  },
  'otlp-listen': {
    kind: 'integer',
    value: 'PORT',
    preset: '4318',
    min: 0,
    max: 65_535,
    doc: 'receive what the server says of each request by OTLP (http/protobuf) at http://127.0.0.1:PORT/v1/traces, which vLLM is started with: --otlp-traces-endpoint; its queue, prefill and decode become slices. PORT is 4318 if left out',
  },
  'otlp-endpoint': {
    kind: 'text',
    value: 'URL',
    doc: 'vllm: where it sends a span for each request, as `http://127.0.0.1:4318/v1/traces`; see --otlp-listen of trace',
  },
  pid: { kind: 'integer', value: 'P', min: 1, doc: 'attach: this process and what it forks' },
  cgroup: {
    kind: 'text',
    value: 'PATH',
    doc: 'attach: the processes of a cgroup, by its folder or its path below /sys/fs/cgroup',
  },
  comm: { kind: 'text', value: 'NAME', doc: 'attach: the processes of this name now, and what they fork' },
  system: { kind: 'switch', doc: 'attach: every process of the machine' },
  simulate: {
    kind: 'switch',
    doc: 'run: a small program that does known amounts of what the probes count (needs python3)',
  },
  events: {
    kind: 'switch',
    doc: 'also print the rare events as they come: openings, mappings of files, mlock, programs, forward passes; a JSON line each',
  },
  window: {
    kind: 'text',
    value: 'START+DURATION',
    doc: 'keep every time of a thread on a CPU as a slice of its own for so long, seconds after the probes are attached, `2+0.5`',
  },
} as const satisfies Record<string, OptionSpec>
