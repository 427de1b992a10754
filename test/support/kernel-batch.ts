import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BatchSummary } from '../../src/session/kernels/batch-record.ts'
import { CHECKOUT, type CliOptions, layerline, type RunningCli, startLayerline } from './cli.ts'
import { tempFolder } from './temp-folder.ts'

/** Obeys the workers' contract, or breaks it as a model's name says. */
const STAND_IN = join(CHECKOUT, 'test/fixtures/kernel-worker/python')

/** What the stand-in noted of one of its calls. */
export interface StandInCall {
  call: 'run' | 'end' | 'fetch' | 'child' | 'waiting'
  pid: number
  t: number
  model: string
  tracer: string
  gpus: string | null
  child: number
  args: string[]
  env: Record<string, string>
}

export interface KernelBatch {
  readonly folder: string
  /** This file is made when workers named `wait` may continue. */
  readonly gate: string
  /** Makes a model's folder; returns it as `--model` takes it. */
  model(name: string, config?: Record<string, unknown>): string
  calls(call?: StandInCall['call']): StandInCall[]
  run(
    args: readonly string[],
    env?: CliOptions['env'],
  ): Promise<{ code: number | null; stderr: string; summary: BatchSummary }>
  /** Without `--json`; it goes with the test. */
  start(args: readonly string[], env?: CliOptions['env']): RunningCli
  arguments(args: readonly string[]): string[]
  environment(env?: CliOptions['env']): CliOptions['env']
  marker(job: string): Record<string, unknown>
  writeMarker(job: string, marker: Record<string, unknown>): void
}

/** A folder in which `kernels run` works with the stand-in; it goes with the test. */
export function kernelBatch(): KernelBatch {
  const folder = tempFolder()
  const log = join(folder, 'calls.jsonl')
  const gate = join(folder, 'gate')
  const environment = (env: CliOptions['env'] = {}) => ({ STAND_IN_LOG: log, STAND_IN_GATE: gate, ...env })
  const given = (args: readonly string[]) => [
    'kernels',
    'run',
    '--python',
    STAND_IN,
    '--framework',
    'huggingface',
    ...args,
  ]
  const markerPath = (job: string) => join(folder, 'outputs', job, '_TRACE_STATUS.json')
  return {
    folder,
    gate,
    model(name, config = {}) {
      const path = join(folder, 'models', name)
      mkdirSync(path, { recursive: true })
      writeFileSync(join(path, 'config.json'), JSON.stringify(config))
      return path
    },
    calls(call) {
      if (!existsSync(log)) return []
      // The last line may not be whole yet.
      const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1)
      const all = lines.map((line) => JSON.parse(line) as StandInCall)
      return call === undefined ? all : all.filter((each) => each.call === call)
    },
    async run(args, env) {
      const { code, stdout, stderr } = await layerline(folder, [...given(args), '--json'], { env: environment(env) })
      if (!stdout.startsWith('{')) throw new Error(`no summary, exit code ${code}: ${stderr}`)
      return { code, stderr, summary: JSON.parse(stdout) as BatchSummary }
    },
    start: (args, env) => startLayerline(folder, given(args), { env: environment(env) ?? {} }),
    arguments: given,
    environment,
    marker: (job) => JSON.parse(readFileSync(markerPath(job), 'utf8')) as Record<string, unknown>,
    writeMarker: (job, marker) => writeFileSync(markerPath(job), JSON.stringify(marker)),
  }
}

/** Whether a process is over, even if its exit code was not collected yet. */
export function isGone(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return true
  }
}

/** `model tracer` -> state, or the kind of failure. */
export function outcomes({ jobs }: BatchSummary): Record<string, string> {
  return Object.fromEntries(
    jobs.map(({ model, tracer, state, kind }) => [`${model.split('/').at(-1)} ${tracer}`, kind ?? state]),
  )
}
