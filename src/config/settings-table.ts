import { z } from 'zod'
import { parseSeconds } from '../base/duration-text.ts'
import { TIMEOUTS_S } from './timeouts.ts'

/** One setting and every place it may come from; its key in layerline.yaml is `yamlName`. */
export interface SettingSpec {
  readonly schema: z.ZodType
  /** The option on the command line. */
  readonly flag?: string
  /** Names in the environment and in .env, best first. */
  readonly env?: readonly string[]
  readonly default?: unknown
  /** A path: relative to the folder of the file that names it. */
  readonly path?: true
  /** Values that mean "no path". */
  readonly noPath?: RegExp
}

/** The environment gives text, YAML gives numbers. */
const numeric = z.preprocess(
  (value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value),
  z.number('expected a number'),
)
const atLeast = (min: number) => numeric.pipe(z.number().min(min, `expected at least ${min}`))
/** Seconds; a text may have a unit, `500ms`. */
const duration = z.preprocess(
  (value) => (typeof value === 'string' ? parseSeconds(value) : value),
  z.number('expected a duration, as 5, 5s, 500ms or 10m').min(0, 'expected at least 0'),
)

const wholeFrom = (min: number) => numeric.pipe(z.int('expected a whole number').min(min, `expected at least ${min}`))
/** Timers hold 31 bits; a longer one fires at once. */
const MOST_MS = 2 ** 31 - 1
const listed = (value: unknown): unknown =>
  typeof value === 'string' ? value.split(',').map((part) => part.trim()) : value

const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const headers = z.preprocess(
  // The command line gives `Name: value` texts. Messages must not show them: they may hold a key.
  (value) =>
    Array.isArray(value)
      ? Object.fromEntries(value.map((text) => /^([^:]*):\s*(.*)$/s.exec(String(text))?.slice(1) ?? ['', '']))
      : value,
  z.record(
    z.string().regex(HEADER_NAME, 'expected NAME: VALUE'),
    z.string().regex(HEADER_VALUE, 'a header cannot hold control characters'),
    'expected NAME: VALUE',
  ),
)

export const SETTINGS = {
  url: { schema: z.string(), flag: 'url', env: ['SURF_URL'] },
  model: { schema: z.string(), flag: 'model', env: ['MODEL_NAME'] },
  endpoint: { schema: z.enum(['chat', 'completions']), flag: 'endpoint' },
  headers: { schema: headers, flag: 'header' },
  apiKeyFile: { schema: z.string(), flag: 'api-key-file', path: true },
  ca: { schema: z.string(), flag: 'ca', path: true },
  insecure: { schema: z.boolean(), flag: 'insecure' },
  connectTimeout: { schema: duration, flag: 'connect-timeout', default: TIMEOUTS_S.connect },
  firstTokenTimeout: { schema: duration, flag: 'first-token-timeout', default: TIMEOUTS_S.firstToken },
  idleTimeout: { schema: duration, flag: 'idle-timeout', default: TIMEOUTS_S.idle },
  timeout: { schema: duration, flag: 'timeout', default: TIMEOUTS_S.total },
  promptFile: { schema: z.string(), flag: 'prompts', env: ['PROMPT_FILE'] },
  promptDir: { schema: z.string(), env: ['PROMPT_DIR'], path: true },
  traceDir: { schema: z.string(), env: ['TRACE_DIR'], path: true },
  sizes: { schema: z.preprocess(listed, z.array(atLeast(0)).min(1)), flag: 'sizes' },
  stage: { schema: z.enum(['prefill', 'decode', 'mixed']), flag: 'stage' },
  concurrency: { schema: wholeFrom(1), flag: 'concurrency', default: 1 },
  repeat: { schema: wholeFrom(1), flag: 'repeat', default: 1 },
  warmup: { schema: wholeFrom(0), flag: 'warmup', default: 0 },
  maxTokens: { schema: wholeFrom(1), flag: 'max-tokens' },
  temperature: { schema: atLeast(0), flag: 'temperature', default: 0.8 },
  topP: { schema: atLeast(0), flag: 'top-p' },
  seed: { schema: wholeFrom(0), flag: 'seed' },
  sampleMs: {
    schema: wholeFrom(10).pipe(z.int().max(MOST_MS, `expected at most ${MOST_MS}`)),
    flag: 'sample-ms',
    env: ['SAMPLING_MS'],
    default: 100,
  },
  gpu: { schema: z.string(), flag: 'gpu' },
  gpuHost: { schema: z.string(), env: ['SURF_HOST'] },
  gpuUser: { schema: z.string(), env: ['SURF_USER'] },
  gpuKeyPath: { schema: z.string(), flag: 'ssh-key', env: ['SURF_KEY_PATH'], path: true },
  gpuList: { schema: z.preprocess(listed, z.array(z.string())), flag: 'gpu-list', env: ['GPU_LIST'] },
  sshConfig: { schema: z.string(), flag: 'ssh-config', env: ['LAYERLINE_SSH_CONFIG'], path: true },
  stepLog: { schema: z.string(), flag: 'step-log', path: true, noPath: /^(none$|ssh:)/ },
  otlpListen: { schema: wholeFrom(0).pipe(z.int().max(65_535, 'expected a port')), flag: 'otlp-listen' },
  os: { schema: z.string(), flag: 'os' },
  probes: { schema: z.preprocess(listed, z.array(z.string()).min(1)), flag: 'probes', env: ['LAYERLINE_PROBES'] },
  profile: { schema: z.boolean(), flag: 'profile' },
  profileWindow: { schema: z.string(), flag: 'profile-window' },
  profileDir: { schema: z.string(), flag: 'profile-dir', path: true, noPath: /^ssh:/ },
  engineMetrics: { schema: z.string(), flag: 'engine-metrics' },
} as const satisfies Record<string, SettingSpec>

export type SettingName = keyof typeof SETTINGS
type ValueOf<S extends SettingSpec> = S extends { default: unknown }
  ? z.output<S['schema']>
  : z.output<S['schema']> | undefined
export type SettingValue<K extends SettingName> = ValueOf<(typeof SETTINGS)[K]>

/** What a setting is called in YAML: as its flag, `ssh_key`; `headers`, which are a map there, and what has no flag by its own name. */
export function yamlName(name: SettingName): string {
  const { flag }: SettingSpec = SETTINGS[name]
  return flag === undefined || name === 'headers' ? snakeCase(name) : flag.replaceAll('-', '_')
}

/** `apiKeyFile` is `api_key_file` in run.json, and read in layerline.yaml. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
