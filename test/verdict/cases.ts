import { SERVICES } from './queue-server.ts'
import { ARRIVALS, type SimulatedCase } from './simulated-run.ts'

/** Loads, of the server's capacity: alarms are false up to 80 %, due from 130 % on; in between the answer may be open. */
export const GROUPS = ['below', 'between', 'above'] as const
export type Group = (typeof GROUPS)[number]

const LOADS: Readonly<Record<Group, readonly number[]>> = {
  below: [0.5, 0.6, 0.7, 0.8],
  between: [0.9, 1, 1.1, 1.2],
  above: [1.3, 1.5, 2, 3],
}
/** A slow client counts only if the server is not overloaded: an overloaded server hides it. */
const CLIENTS: Readonly<Record<Group, readonly SimulatedCase['client'][]>> = {
  below: ['plain', 'late_sends', 'ceiling', 'late_reads'],
  between: ['plain', 'ceiling'],
  above: ['plain', 'ceiling'],
}
/** Offered to a client that sends three quarters of the capacity at most. */
const LOAD_OF_LATE_SENDS = [0.6, 0.8, 1.3, 2]
/** Users over requests that the server works on at once. */
const USERS: Readonly<Record<Group, readonly number[]>> = {
  below: [0.5, 0.75, 1],
  between: [1.25, 1.6],
  above: [2, 3, 4],
}

/** So many runs of an open loop, each of its own seed: all services, arrivals and clients in turn. */
export function openCases(counts: Readonly<Record<Group, number>>, requests: number): [Group, SimulatedCase][] {
  return GROUPS.flatMap((group, g) =>
    Array.from({ length: counts[group] }, (_, i): [Group, SimulatedCase] => {
      const service = turn(SERVICES, i)
      const arrivals = turn(ARRIVALS, Math.floor(i / 3))
      const client = turn(CLIENTS[group], Math.floor(i / 12) + i)
      const load = turn(client === 'late_sends' ? LOAD_OF_LATE_SENDS : LOADS[group], Math.floor(i / 5))
      return [group, { seed: 1000 * g + i, service, arrivals, client, load, requests }]
    }),
  )
}

export function closedCases(counts: Readonly<Record<Group, number>>, requests: number): [Group, SimulatedCase][] {
  return GROUPS.flatMap((group, g) =>
    Array.from({ length: counts[group] }, (_, i): [Group, SimulatedCase] => {
      const load = turn(USERS[group], Math.floor(i / 3))
      return [
        group,
        {
          seed: 10_000 + 1000 * g + i,
          service: turn(SERVICES, i),
          arrivals: 'poisson',
          client: 'users',
          load,
          requests,
        },
      ]
    }),
  )
}

function turn<T>(from: readonly T[], i: number): T {
  return from[i % from.length] as T
}
