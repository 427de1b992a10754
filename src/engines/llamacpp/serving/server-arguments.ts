import { parseArgs } from 'node:util'
import { usableCores } from '../../care/process/cores.ts'

/** What the engine's own process is started with. */
export interface ServerArguments {
  engineFolder: string
  /** Path of the GGUF. */
  model: string
  /** The model's id in the API. */
  name: string
  host: string
  /** 0: any free one. */
  port: number
  sequences: number
  contextTokens: number
  threads: number
  /** Requests that may wait for a sequence; more are answered 503. */
  queue: number
  /** Continues to run when its parent ends. */
  detached: boolean
}

const WHOLE = {
  port: [0, 65535],
  sequences: [1, 64],
  'context-tokens': [64, 1 << 20],
  threads: [1, 1024],
  queue: [0, 100_000],
} as const

/** Parses the engine's command line; throws an Error that names the argument. */
export function parseServerArguments(argv: string[]): ServerArguments {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: argv,
    options: {
      'engine-folder': text,
      model: text,
      name: text,
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '0' },
      sequences: { type: 'string', default: '4' },
      'context-tokens': { type: 'string', default: '4096' },
      threads: { type: 'string', default: String(defaultThreads()) },
      queue: { type: 'string', default: '256' },
      detached: { type: 'boolean', default: false },
    },
  })
  const required = (name: 'engine-folder' | 'model' | 'name') => {
    const value = values[name]
    if (!value) throw new Error(`--${name} is missing`)
    return value
  }
  const whole = (name: keyof typeof WHOLE) => {
    const value = Number(values[name])
    const [least, most] = WHOLE[name]
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw new Error(`--${name} ${values[name]}: expected a whole number from ${least} to ${most}`)
  }
  return {
    engineFolder: required('engine-folder'),
    model: required('model'),
    name: required('name'),
    host: values.host,
    port: whole('port'),
    sequences: whole('sequences'),
    contextTokens: whole('context-tokens'),
    threads: whole('threads'),
    queue: whole('queue'),
    detached: values.detached,
  }
}

/** The command line that `parseServerArguments` reads back. */
export function serverArgv(options: ServerArguments): string[] {
  const argv = [
    ['--engine-folder', options.engineFolder],
    ['--model', options.model],
    ['--name', options.name],
    ['--host', options.host],
    ['--port', options.port],
    ['--sequences', options.sequences],
    ['--context-tokens', options.contextTokens],
    ['--threads', options.threads],
    ['--queue', options.queue],
  ].flat()
  return [...argv.map(String), ...(options.detached ? ['--detached'] : [])]
}

/** More threads than this do not speed up such a small model. */
const MOST_THREADS = 8

/** One core is left to the tracer: with more threads than cores, decoding is a hundred times slower. */
export function defaultThreads(cores = usableCores()): number {
  return Math.min(MOST_THREADS, Math.max(1, cores - 1))
}
