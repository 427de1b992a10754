import type { ChainNode } from '../../src/server/web/api-types.ts'
import type { TimelineModel } from './model.ts'
import { type Pen, RULER } from './pen.ts'

/** Dashes by how a link is known; measured ones are drawn through. */
const DASHES: Readonly<Record<string, number[]>> = { inferred: [6, 3], modelled: [3, 3], unresolved: [1, 4] }

/** What belongs to the selection, as curves from one to the next. */
export function drawLinks({ c, model, palette }: Pen): void {
  const { chain } = model
  if (chain === null) return
  c.strokeStyle = palette.accent
  c.fillStyle = palette.accent
  c.lineWidth = 1.5
  for (const { from, to, confidence } of chain.links) {
    const [a, b] = [placeOf(model, chain.nodes[from]), placeOf(model, chain.nodes[to])]
    if (a === null || b === null) continue
    c.setLineDash(DASHES[confidence] ?? [])
    c.beginPath()
    c.moveTo(a.x, a.y)
    const bend = Math.max(16, Math.abs(b.y - a.y) / 2)
    c.bezierCurveTo(a.x, a.y + bend, b.x, b.y - bend, b.x, b.y)
    c.stroke()
    c.setLineDash([])
    c.beginPath()
    c.arc(b.x, b.y, 2.5, 0, 2 * Math.PI)
    c.fill()
  }
}

function placeOf(model: TimelineModel, node: ChainNode | undefined): { x: number; y: number } | null {
  if (node === undefined) return null
  const x = Math.min(model.width + 50, Math.max(-50, model.x(node.t_ns + node.dur_ns / 2)))
  if (node.kind !== 'slice') {
    const row = model.rows.find((each) => each.kind === 'requests')
    const lane = model.laneOf.get(node.id)
    if (row?.kind !== 'requests' || lane === undefined) return null
    return { x, y: RULER + row.y - model.scroll + 4 + (lane + 0.8) * row.lane }
  }
  const row = node.track_id === null ? undefined : model.rowOf(node.track_id)
  return row === undefined ? null : { x, y: RULER + row.y - model.scroll + 8 }
}
