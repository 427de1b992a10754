/** Labels of parts of one server that work on requests of their own, in the order in which they are named. */
const REPLICAS: readonly (readonly [label: string, shown: string])[] = [
  ['engine', 'engine'],
  ['engine_index', 'engine'],
  ['replica', 'replica'],
  ['ReplicaId', 'replica'],
  ['server', 'server'],
  ['instance', 'instance'],
  ['pod', 'pod'],
  ['worker_id', 'worker'],
  ['WorkerId', 'worker'],
  ['dp_rank', 'dp'],
]
/** Labels of parts that work on the same requests: adding them up would count each request once per part. */
const SHARDS: readonly (readonly [label: string, shown: string])[] = [
  ['tp_rank', 'tp'],
  ['pp_rank', 'pp'],
  ['cp_rank', 'cp'],
  ['attn_cp_rank', 'cp'],
  ['ep_rank', 'ep'],
  ['moe_ep_rank', 'ep'],
  ['rank', 'rank'],
]
const RANKS = [...REPLICAS, ...SHARDS]
const SHARED = new Set([...SHARDS.map(([label]) => label), 'pid'])
const RANK_LABELS = new Set(RANKS.map(([label]) => label))

export type Labels = Readonly<Record<string, string>>

/** The same text for the same labels, in whatever order they are printed; an empty label is no label. */
export function identityOf(labels: Labels): string {
  return JSON.stringify(present(labels))
}

/** `engine 0`, `dp 2, tp 2`; null for a series of the server as a whole. */
export function processOf(labels: Labels): string | null {
  const parts = RANKS.flatMap(([label, shown]) => (labels[label] ? [`${shown} ${labels[label]}`] : []))
  return parts.length === 0 ? null : parts.join(', ')
}

/**
 * Parts that work on the same requests have the same text: shards of one model are one, replicas are not. A figure of a
 * server is the sum over these, and for each the maximum of its shards.
 */
export function replicaOf(labels: Labels): string {
  return JSON.stringify(present(labels).filter(([label]) => !SHARED.has(label)))
}

/**
 * What distinguishes series of one figure and one process besides their ranks: labels that differ among them, such as
 * `finished_reason=stop`; null if there is nothing. `siblings`: labels of all series of that figure on the page.
 */
export function variantOf(labels: Labels, siblings: readonly Labels[]): string | null {
  const process = processOf(labels)
  const same = siblings.filter((each) => processOf(each) === process)
  const differing = present(labels).filter(
    ([label, value]) => !RANK_LABELS.has(label) && same.some((each) => (each[label] ?? '') !== value),
  )
  return differing.length === 0 ? null : differing.map(([label, value]) => `${label}=${value}`).join(', ')
}

function present(labels: Labels): [string, string][] {
  return Object.entries(labels)
    .filter(([, value]) => value !== '')
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}
