import { LayerlineError } from '../../base/errors.ts'
import { nearestName } from '../../config/nearest-name.ts'
import { COSTS, type Cost, type ProbeFile, readProbeFile } from './script/probe-file.ts'

/** One set of probes. */
interface SetOfProbes {
  /** The files of bpf/ that it is made of. */
  readonly files: readonly string[]
  /** It costs much, or prints a line for each of many events: it is on only where it is named. */
  readonly onRequest?: true
  /** Of one that is on by itself, what is only on by its name: a key for each pair of names costs at every switch. */
  readonly filesOnRequest?: readonly string[]
}

/** Sets of probes as `--probes` names them. */
const SETS = {
  load: { files: ['load', 'mmap'] },
  token: { files: ['token', 'decode'] },
  memory: { files: ['faults', 'mlock'] },
  sched: { files: ['sched', 'switches'], filesOnRequest: ['switches'] },
  io: { files: ['io', 'block'] },
  futex: { files: ['futex'] },
  gpu: { files: ['gpu_access', 'gpu'] },
  cuda: { files: ['cuda'] },
  net: { files: ['net'] },
  arrivals: { files: ['arrivals'], onRequest: true },
  cpu: { files: ['cpu'], onRequest: true },
  syscalls: { files: ['syscalls'], onRequest: true },
} as const satisfies Record<string, SetOfProbes>

/** Names of single ideas, for questions of one line. */
const ALIASES = {
  mmap: { files: ['mmap'] },
  mlock: { files: ['mlock'] },
  'gpu-access': { files: ['gpu_access'] },
} as const satisfies Record<string, SetOfProbes>

export type ProbeSetName = keyof typeof SETS | keyof typeof ALIASES

export interface ProbeSet {
  readonly name: ProbeSetName
  readonly files: readonly ProbeFile[]
  /** That of its dearest file. */
  readonly cost: Cost
}

export const PROBE_SETS = Object.keys(SETS) as (keyof typeof SETS)[]
/** Sets that are on only where they are named. */
export const PROBE_SETS_ON_REQUEST = PROBE_SETS.filter((name) => 'onRequest' in SETS[name])
export const PROBE_ALIASES = Object.keys(ALIASES) as (keyof typeof ALIASES)[]

/** The probe files that are on by default. */
export function defaultFiles(): string[] {
  const sets: readonly SetOfProbes[] = Object.values(SETS)
  return sets
    .filter(({ onRequest }) => onRequest !== true)
    .flatMap(({ files, filesOnRequest = [] }) => files.filter((file) => !filesOnRequest.includes(file)))
}

/** The set of a name; throws `usage/probes` for one that there is not. */
export function probeSet(name: string): ProbeSet {
  const set: SetOfProbes | undefined = { ...SETS, ...ALIASES }[name as ProbeSetName]
  if (set === undefined) {
    const all = [...PROBE_SETS, ...PROBE_ALIASES]
    const near = nearestName(name, all)
    throw new LayerlineError('usage/probes', `no probe set ${name}; expected of ${all.join(', ')}`, {
      hint: near === null ? 'layerline os list' : `did you mean ${near}?`,
    })
  }
  const read = set.files.map(readProbeFile)
  const cost = COSTS[Math.max(...read.map((file) => COSTS.indexOf(file.cost)))] ?? 'low'
  return { name: name as ProbeSetName, files: read, cost }
}
