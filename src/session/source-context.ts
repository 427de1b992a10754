import type { SourceContext } from '../sources/source.ts'
import type { HostProvenance, RunJson } from '../trace/run-json.ts'
import type { Recording } from './recording.ts'

/** What a recording offers to the sources besides the requests. `note` takes what the user should know. */
export function sourceContext(recording: Recording, note: (text: string) => void): SourceContext {
  const { clock, runId, store, nextTrackId, nextSliceId, nameId } = recording
  return {
    runId,
    clock,
    writers: store.writers,
    trackId: nextTrackId,
    sliceId: nextSliceId,
    nameId,
    unixOffset: () => recording.unixOffset,
    declareClock: (name, baseNs = clock.epochUnixNs) =>
      recording.amend((run) => ({ ...run, clock_bases: { ...run.clock_bases, [name]: baseNs.toString() } })),
    countLost: (table, rows) => recording.countLost(table, rows),
    declareHost: (host) => recording.amend((run) => ({ ...run, hosts: withHost(run.hosts, host) })),
    profiled: (fromNs, toNs) =>
      recording.amend((run) => ({
        ...run,
        profiled: [...run.profiled.filter(({ from_ns }) => from_ns !== fromNs), { from_ns: fromNs, to_ns: toNs }],
      })),
    note,
  }
}

/** A host that already exists under that name only gains facts that were not known. */
function withHost(hosts: RunJson['hosts'], host: HostProvenance): RunJson['hosts'] {
  const known = hosts.find(({ name }) => name === host.name)
  if (known === undefined) return [...hosts, host]
  return hosts.map((each) => (each === known ? { ...each, driver: each.driver ?? host.driver } : each))
}
