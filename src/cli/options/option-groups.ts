import type { OptionName } from '../options.ts'
import type { OptionSpec } from './option-spec.ts'

/** How Layerline identifies itself to a server, and whether the server is trusted. */
export const ACCESS_OPTIONS = ['header', 'api-key-file', 'ca', 'insecure'] as const

/** The same, and how long it may take: what `targetFrom` reads besides `url` and `endpoint`. */
export const TARGET_OPTIONS = [
  ...ACCESS_OPTIONS,
  'connect-timeout',
  'first-token-timeout',
  'idle-timeout',
  'timeout',
] as const

/** The options that `prepareSources` reads, for the commands that sample. */
export const HARDWARE_OPTIONS = [
  'gpu',
  'gpu-list',
  'ssh-key',
  'ssh-config',
  'engine-metrics',
  'step-log',
  'sample-ms',
] as const

/** What the engine itself tells of a run, for the commands that record one. */
export const PROFILE_OPTIONS = ['profile', 'profile-window', 'profile-dir', 'otlp-listen'] as const

/** The options that `osFrom` reads, for the commands that record requests. */
export const OS_OPTIONS = ['os', 'probes'] as const

/** The options that `liveView` reads, for the commands that have a dashboard. */
export const LIVE_OPTIONS = [
  'log-every',
  'sample-interval',
  'plot-window',
  'plot-rows',
  'plot-height',
  'spark-width',
  'y-width',
  'num-width',
  'bar-width',
  'no-plot',
  'metrics-port',
] as const

/** The options that `traceOptionsFrom` reads, for the commands that take a trace. */
export const TRACE_OPTIONS = [
  'trace',
  'format',
  'map',
  'time-unit',
  'from',
  'to',
  'limit',
  'sample',
  'jitter',
  'skip-bad',
  'overlong',
  'cache-dir',
  'no-cache',
] as const satisfies readonly OptionName[]

/** `--from` and `--to` of a trace, which of a run's window mean something else: a command's `overrides`. */
export const TRACE_OVERRIDES: Partial<Record<OptionName, Partial<OptionSpec>>> = {
  from: {
    kind: 'text',
    value: 'T',
    doc: "skip earlier rows: seconds or a duration (10m, 1h30m) after the trace's first row, or an instant (2023-11-16T18:20:00Z)",
    default: "the trace's start",
  },
  to: { kind: 'text', value: 'T', doc: 'skip rows at this time and later', default: "the trace's end" },
}

/** Options that say what load is made; a command that makes load names them all. */
export const LOAD_OPTIONS = [
  'arrival',
  'rate',
  'requests',
  'duration',
  'input-tokens',
  'output-tokens',
  'shared-prefix-tokens',
  'shared-prefix-count',
  'turns',
  'think-time',
] as const satisfies readonly OptionName[]

/** The options of every command that offers a schedule. */
export const SCHEDULE_OPTIONS = [
  'url',
  'model',
  'endpoint',
  'tokenizer',
  'salt',
  'max-in-flight',
  'precise',
  'dependency',
  'retries',
  'workers',
  'resume',
  'temperature',
  'top-p',
  'respect-eos',
  'body',
  'seed',
  'no-stream',
  'texts',
  'token-ids',
  ...TARGET_OPTIONS,
  ...HARDWARE_OPTIONS,
  ...PROFILE_OPTIONS,
  ...OS_OPTIONS,
  'certify',
  ...LIVE_OPTIONS,
  'slo',
  'env-file',
  'out',
  'json',
  'quiet',
] as const satisfies readonly OptionName[]

/** Everything that says what a load is and how it is offered. */
export const OFFERED_LOAD_OPTIONS = [
  'concurrency',
  'ramp-up',
  ...LOAD_OPTIONS,
  ...SCHEDULE_OPTIONS,
] as const satisfies readonly OptionName[]

export const KERNELS_RUN_OPTIONS = [
  'framework',
  'model',
  'models',
  'model-list',
  'models-file',
  'skip-models',
  'skip-model-list',
  'skip-models-file',
  'tracers',
  'tracer-path',
  'mode',
  'device',
  'dtype',
  'batch',
  'input-tokens',
  'output-tokens',
  'tensor-parallel-size',
  'compile',
  'seed',
  'trust-remote-code',
  'allow-pickle',
  'offline',
  'output-dir',
  'cache-dir',
  'python',
  'config',
  'force',
  'force-download',
  'download-workers',
  'download-timeout',
  'trace-timeout',
  'hang-timeout',
  'jobs',
  'gpus',
] as const
