import { LayerlineError } from '../../../base/errors.ts'
import type { RunReader, SqlRow } from '../../../store/read/run-reader.ts'
import type { Chain, ChainLink, ChainNode } from '../api-types.ts'

const MOST_LINKED = 12
const MOST_KERNELS = 60
const MEANWHILE = 40

/** What the timeline can be asked about. */
export type Subject =
  | { kind: 'slice'; id: number }
  | { kind: 'token'; request: number; index: number }
  | { kind: 'request'; id: number }

/** What belongs to a token, a request or a slice: a token's step, its step in a profile, the kernels of that, and what threads did meanwhile. */
export async function chainOf(reader: RunReader, subject: Subject): Promise<Chain> {
  const chain: Chain = { nodes: [], links: [], facts: [], meanwhile: [] }
  if (subject.kind === 'slice') await ofSlice(reader, chain, subject.id)
  else if (subject.kind === 'token') await ofToken(reader, chain, subject.request, subject.index)
  else await ofRequest(reader, chain, subject.id)
  const window = chain.nodes.find(({ kind, category }) => kind === 'slice' && category !== 'kernel') ?? chain.nodes[0]
  if (window !== undefined && subject.kind !== 'request') chain.meanwhile = await meanwhile(reader, window)
  return chain
}

async function ofToken(reader: RunReader, chain: Chain, request: number, index: number): Promise<void> {
  const rows = await reader.query(
    `WITH events AS (SELECT *, t_ns - lag(t_ns) OVER (ORDER BY "index") AS gap_ns FROM chunks WHERE request_id = ${request} AND kind NOT IN ('role', 'usage'))
    SELECT * FROM events WHERE "index" = ${index}`,
  )
  const [token] = rows
  if (token === undefined) throw new LayerlineError('input/token', `no token event ${index} in request ${request}`)
  const at = add(chain, {
    kind: 'token',
    id: request,
    token_index: index,
    label: `token event ${index} of request ${request}`,
    category: null,
    track_id: null,
    t_ns: Number(token.t_ns),
    dur_ns: 0,
  })
  facts(chain, token, ['kind', 'tokens', 'bytes', 'gap_ns', 'late_ns', 'coalesced'])
  const steps = await linked(reader, `l.src_kind = 'chunk' AND l.src_id = ${request} AND l.src_index = ${index}`, 'dst')
  for (const row of steps) {
    const step = addSlice(chain, row)
    chain.links.push(linkOf(at, step, row))
    await followStep(reader, chain, step)
  }
}

async function ofRequest(reader: RunReader, chain: Chain, id: number): Promise<void> {
  const [row] = await reader.query(`SELECT * FROM requests WHERE request_id = ${id}`)
  if (row === undefined) throw new LayerlineError('input/request', `no request ${id} in this run`)
  const sent = Number(row.sent_ns ?? row.scheduled_ns)
  const end = Number(row.end_ns ?? row.last_token_ns ?? sent)
  add(chain, {
    kind: 'request',
    id,
    token_index: null,
    label: `request ${id}`,
    category: null,
    track_id: null,
    t_ns: sent,
    dur_ns: end - sent,
  })
  const ttft = row.first_token_ns === null ? null : Number(row.first_token_ns) - sent
  facts(chain, { ...row, ttft_ns: ttft, took_ns: end - sent }, [
    'prompt_id',
    'status',
    'phase',
    'ttft_ns',
    'took_ns',
    'max_gap_ns',
    'input_tokens',
    'cached_tokens',
    'output_tokens',
    'finish_reason',
    'error',
    'note',
  ])
}

async function ofSlice(reader: RunReader, chain: Chain, id: number): Promise<void> {
  const [row] = await reader.query(`SELECT *, left(name, 2000) AS name FROM named_slices WHERE slice_id = ${id}`)
  if (row === undefined) throw new LayerlineError('input/slice', `no slice ${id} in this run`)
  const at = addSlice(chain, row)
  facts(chain, row, [
    'category',
    'dur_ns',
    'request_id',
    'step_id',
    'tokens',
    'bytes',
    'bandwidth_gbps',
    'stream',
    'correlation',
    'args',
  ])
  for (const direction of ['dst', 'src'] as const) {
    const own = direction === 'dst' ? 'src' : 'dst'
    for (const other of await linked(reader, `l.${own}_kind = 'slice' AND l.${own}_id = ${id}`, direction)) {
      const node = addSlice(chain, other)
      chain.links.push(direction === 'dst' ? linkOf(at, node, other) : linkOf(node, at, other))
    }
  }
  const tokens = await reader.query(
    `SELECT c.request_id, c."index" AS i, c.t_ns, l.kind, l.confidence FROM links l JOIN chunks c ON c.request_id = l.src_id AND c."index" = l.src_index
      WHERE l.src_kind = 'chunk' AND l.dst_kind = 'slice' AND l.dst_id = ${id} ORDER BY c.t_ns LIMIT ${MOST_LINKED}`,
  )
  for (const token of tokens) {
    const node = add(chain, {
      kind: 'token',
      id: Number(token.request_id),
      token_index: Number(token.i),
      label: `token event ${token.i} of request ${token.request_id}`,
      category: null,
      track_id: null,
      t_ns: Number(token.t_ns),
      dur_ns: 0,
    })
    chain.links.push(linkOf(node, at, token))
  }
  await followStep(reader, chain, at)
}

/** From a step to its step in a profile, and from there to what ran in it. */
async function followStep(reader: RunReader, chain: Chain, step: number): Promise<void> {
  const node = chain.nodes[step] as ChainNode
  if (node.category !== 'step' && node.track_id === null) return
  let steps = [step]
  const profiled = await linked(reader, `l.kind = 'profile of step' AND l.src_id = ${node.id}`, 'dst')
  for (const row of profiled) {
    const at = addSlice(chain, row)
    if (!chain.links.some(({ from, to }) => from === step && to === at)) chain.links.push(linkOf(step, at, row))
    steps = [at]
  }
  for (const at of steps) {
    const owner = chain.nodes[at] as ChainNode
    const work = await reader.query(
      `SELECT slice_id, track_id, t_ns, dur_ns, left(name, 300) AS name, category FROM named_slices
        WHERE step_id = ${owner.id} AND slice_id <> ${owner.id} ORDER BY (stream IS NOT NULL) DESC, dur_ns DESC LIMIT ${MOST_KERNELS}`,
    )
    for (const row of work) {
      chain.links.push({ from: at, to: addSlice(chain, row), kind: 'ran in step', confidence: 'measured' })
    }
  }
}

async function linked(reader: RunReader, condition: string, end: 'src' | 'dst'): Promise<SqlRow[]> {
  return reader.query(
    `SELECT s.slice_id, s.track_id, s.t_ns, s.dur_ns, left(s.name, 300) AS name, s.category, l.kind, l.confidence FROM links l
      JOIN named_slices s ON s.slice_id = l.${end}_id WHERE l.${end}_kind = 'slice' AND ${condition} ORDER BY s.t_ns LIMIT ${MOST_LINKED}`,
  )
}

async function meanwhile(reader: RunReader, { t_ns, dur_ns, id }: ChainNode): Promise<Chain['meanwhile']> {
  const [from, to] = [t_ns, t_ns + Math.max(dur_ns, 1e6)]
  const rows = await reader.query(
    `SELECT s.track_id, t.layer, coalesce(t.thread, t.device, t.process, t.name) AS thread, left(s.name, 200) AS name, count(*) AS n,
      sum(least(s.t_ns + s.dur_ns, ${to}) - greatest(s.t_ns, ${from})) AS busy FROM named_slices s JOIN tracks t USING (track_id)
      WHERE s.t_ns < ${to} AND s.t_ns + s.dur_ns > ${from} AND s.t_ns > ${from - 60e9} AND s.slice_id <> ${id}
      GROUP BY ALL ORDER BY busy DESC LIMIT ${MEANWHILE}`,
  )
  return rows.map((row) => ({
    track_id: Number(row.track_id),
    layer: String(row.layer),
    thread: String(row.thread ?? ''),
    name: String(row.name ?? ''),
    n: Number(row.n),
    busy_ns: Number(row.busy),
  }))
}

function add(chain: Chain, node: ChainNode): number {
  const known = chain.nodes.findIndex(
    ({ kind, id, token_index }) => kind === node.kind && id === node.id && token_index === node.token_index,
  )
  return known >= 0 ? known : chain.nodes.push(node) - 1
}

function addSlice(chain: Chain, row: SqlRow): number {
  return add(chain, {
    kind: 'slice',
    id: Number(row.slice_id),
    token_index: null,
    label: String(row.name ?? ''),
    category: row.category === null ? null : String(row.category),
    track_id: Number(row.track_id),
    t_ns: Number(row.t_ns),
    dur_ns: Number(row.dur_ns),
  })
}

function linkOf(from: number, to: number, row: SqlRow): ChainLink {
  return { from, to, kind: String(row.kind), confidence: String(row.confidence) }
}

function facts(chain: Chain, row: SqlRow, names: readonly string[]): void {
  for (const name of names) {
    const value = row[name]
    if (value === null || value === undefined) continue
    chain.facts.push([name, typeof value === 'number' ? value : String(value).slice(0, 2000)])
  }
}
