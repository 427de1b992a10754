import { LayerlineError } from '../../base/errors.ts'
import { nearestName } from '../../config/nearest-name.ts'
import { COSTS, type Cost, type ProbeFile, readProbeFile } from './script/probe-file.ts'

/** Sets of probes as `--probes` names them, with the files of bpf/ that each is made of. */
const SETS = {
  load: ['load', 'mmap'],
  token: ['token', 'decode'],
  memory: ['faults', 'mlock'],
  sched: ['sched', 'switches'],
  io: ['io', 'block'],
  futex: ['futex'],
  gpu: ['gpu_access', 'gpu'],
  cuda: ['cuda'],
  net: ['net'],
  arrivals: ['arrivals'],
  cpu: ['cpu'],
  syscalls: ['syscalls'],
} as const

/** Names of single ideas, for questions of one line. */
const ALIASES = {
  mmap: ['mmap'],
  mlock: ['mlock'],
  'gpu-access': ['gpu_access'],
} as const

export type ProbeSetName = keyof typeof SETS | keyof typeof ALIASES

export interface ProbeSet {
  readonly name: ProbeSetName
  readonly files: readonly ProbeFile[]
  /** That of its dearest file. */
  readonly cost: Cost
}

export const PROBE_SETS = Object.keys(SETS) as (keyof typeof SETS)[]
export const PROBE_ALIASES = Object.keys(ALIASES) as (keyof typeof ALIASES)[]

/** Sets that cost much, or that print a line for each of many events. */
const ASKED_FOR: readonly string[] = ['cpu', 'syscalls', 'arrivals'] satisfies (keyof typeof SETS)[]

/** Parts of a default set that need its name to be given: a key for each pair of names costs time at every switch. */
const FILES_ASKED_FOR: readonly string[] = ['switches']

/** The probe files that are on by default. */
export function defaultFiles(): string[] {
  return PROBE_SETS.filter((name) => !ASKED_FOR.includes(name))
    .flatMap((name) => [...SETS[name]])
    .filter((file) => !FILES_ASKED_FOR.includes(file))
}

/** The set of a name; throws `usage/probes` for one that there is not. */
export function probeSet(name: string): ProbeSet {
  const files: readonly string[] | undefined = { ...SETS, ...ALIASES }[name as ProbeSetName]
  if (files === undefined) {
    const all = [...PROBE_SETS, ...PROBE_ALIASES]
    const near = nearestName(name, all)
    throw new LayerlineError('usage/probes', `no probe set ${name}; expected of ${all.join(', ')}`, {
      hint: near === null ? 'layerline os list' : `did you mean ${near}?`,
    })
  }
  const read = files.map(readProbeFile)
  const cost = COSTS[Math.max(...read.map((file) => COSTS.indexOf(file.cost)))] ?? 'low'
  return { name: name as ProbeSetName, files: read, cost }
}
