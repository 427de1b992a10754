import { powerOf } from '../../trace/gpu-power.ts'
import type { LatestCounter } from './latest-counters.ts'
import type { ClientFigures, GpuFigures, HostFigures, ServerFigures } from './live-figures.ts'

/** An older value is ignored: its source is gone. */
const STALE_NS = 5e9

type Counters = readonly Readonly<LatestCounter>[]

/** What the last values of a run's counters say of server, GPUs, hosts and client. */
export function machineFigures(all: Counters, nowNs: number) {
  const fresh = all.filter(({ tNs, value }) => value !== null && nowNs - tNs < STALE_NS)
  return { server: serverOf(fresh), gpus: gpusOf(fresh), hosts: hostsOf(fresh), client: clientOf(fresh) }
}

function serverOf(counters: Counters): ServerFigures {
  const engine = counters.filter(({ layer }) => layer === 'engine')
  return {
    running: sumOfReplicas(engine, 'num_requests_running'),
    waiting: sumOfReplicas(engine, 'num_requests_waiting'),
    kvCacheRatio: most(named(engine, 'kv_cache_usage_ratio')),
  }
}

/** Shards of one replica work on the same requests: the largest of them counts, and replicas are summed. */
function sumOfReplicas(counters: Counters, name: string): number | null {
  const own = counters.filter((counter) => counter.name === name)
  const replicas = grouped(own, ({ replica, process, device }) => replica ?? JSON.stringify([process, device]))
  return sum(replicas.flatMap((shards) => most(named(shards, name)) ?? []))
}

function gpusOf(counters: Counters): GpuFigures[] {
  const byDevice = grouped(
    counters.filter(({ layer }) => layer === 'gpu'),
    ({ host, device }) => `${host} ${device}`,
  )
  return byDevice.map((own) => ({
    device: own[0]?.device ?? 'GPU',
    utilizationRatio: first(own, 'gpu_utilization_ratio'),
    powerW: powerOf((track) => first(own, track)),
    memoryUsedBytes: first(own, 'memory_used_bytes'),
    // DCGM tells the parts instead.
    memoryTotalBytes:
      first(own, 'memory_total_bytes') ?? sum(named(own, 'memory_used_bytes').concat(named(own, 'memory_free_bytes'))),
  }))
}

function hostsOf(counters: Counters): HostFigures[] {
  const byHost = grouped(
    counters.filter(({ layer, role }) => layer === 'host' && role === 'machine'),
    ({ host }) => host ?? '',
  )
  return byHost.map((own) => ({
    host: own[0]?.host ?? '',
    cpuBusyRatio: first(
      own.filter(({ device }) => device === null),
      'cpu_busy_ratio',
    ),
    memoryAvailableBytes: first(own, 'memory_available_bytes'),
    // A package includes its cores; adding those would count them twice.
    powerW: sum(own.filter(({ name, device }) => name === 'energy_j' && device?.startsWith('package')).flatMap(watts)),
  }))
}

function clientOf(counters: Counters): ClientFigures {
  const client = counters.filter(({ layer }) => layer === 'client')
  return { cores: first(client, 'cpu_cores'), loopDelayP99Ns: first(client, 'event_loop_delay_p99_ns') }
}

/** Joules since the sample before, over the time between. */
function watts({ value, tNs, beforeNs }: Readonly<LatestCounter>): number[] {
  return value !== null && tNs > beforeNs ? [value / ((tNs - beforeNs) / 1e9)] : []
}

function named(counters: Counters, name: string): number[] {
  return counters.flatMap((counter) => (counter.name === name && counter.value !== null ? [counter.value] : []))
}

function first(counters: Counters, name: string): number | null {
  return named(counters, name)[0] ?? null
}

function sum(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((total, value) => total + value, 0)
}

function most(values: readonly number[]): number | null {
  return values.length === 0 ? null : Math.max(...values)
}

function grouped(counters: Counters, key: (counter: Readonly<LatestCounter>) => string): Counters[] {
  const groups = new Map<string, Readonly<LatestCounter>[]>()
  for (const counter of counters) {
    const group = groups.get(key(counter))
    if (group === undefined) groups.set(key(counter), [counter])
    else group.push(counter)
  }
  return [...groups.values()]
}
