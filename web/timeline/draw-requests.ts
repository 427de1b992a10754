import { hatch } from './draw-tracks.ts'
import type { Row } from './layout.ts'
import type { Pen } from './pen.ts'
import { binNs } from './tile-data.ts'
import { piecesFor } from './tiles-in-sight.ts'

/** Requests on their lanes: until the first token, from there to the end, failed ones hatched; token events as ticks. */
export function drawRequests(pen: Pen, row: Extract<Row, { kind: 'requests' }>, y: number): void {
  const { c, model, palette, hits } = pen
  const seen = new Set<number>()
  const h = Math.max(2, row.lane - (row.lane > 5 ? 2 : 1))
  const pieces = piecesFor(model, (tile) => tile.requests)
  c.font = palette.font
  c.textBaseline = 'middle'
  c.textAlign = 'left'
  for (const { tile } of pieces) {
    for (const { parts } of tile.answers) {
      if (parts.requests === undefined) continue
      const { lane, id, sent_ns: sent, first_ns: first, end_ns: end, status, n } = parts.requests.columns
      for (let i = 0; i < parts.requests.rows; i++) {
        const request = id![i] as number
        if (seen.has(request)) continue
        seen.add(request)
        model.laneOf.set(request, lane![i] as number)
        const [s, f, e] = [sent![i] as number, first![i] as number, end![i] as number]
        if (e < model.view.from || s > model.view.to) continue
        const top = y + 4 + (lane![i] as number) * row.lane
        const [xs, xf, xe] = [Math.max(-2, model.x(s)), Math.max(-2, model.x(f)), Math.min(model.width + 2, model.x(e))]
        if (status![i] !== 0) {
          c.fillStyle = palette.bad
          c.globalAlpha = 0.35
          c.fillRect(xs, top, Math.max(2, xe - xs), h)
          c.globalAlpha = 1
          hatch(c, xs, top, Math.max(2, xe - xs), h, palette.bad)
        } else {
          c.fillStyle = palette.prefill
          c.fillRect(xs, top, Math.max(1, xf - xs), h)
          c.fillStyle = palette.decode
          c.globalAlpha = 0.62
          c.fillRect(xf, top, Math.max(0, xe - xf), h)
          c.globalAlpha = 1
        }
        hits.push({
          x: xs,
          y: top,
          w: Math.max(2, xe - xs),
          h,
          what: { kind: 'request', id: request, sent: s, first: f, end: e, n: n![i] as number },
        })
        const { selected } = model
        if (
          (selected?.kind === 'request' && selected.id === request) ||
          (selected?.kind === 'token' && selected.request === request)
        ) {
          c.strokeStyle = palette.text
          c.lineWidth = 1.5
          c.strokeRect(xs, top - 0.5, Math.max(2, xe - xs), h + 1)
        }
      }
    }
  }
  drawTicks(pen, row, y, h)
}

function drawTicks(pen: Pen, row: Extract<Row, { kind: 'requests' }>, y: number, h: number): void {
  const { c, model, palette, hits } = pen
  if (row.lane < 4) return
  const has = (tile: { requests: boolean; level: number }) => tile.requests && tile.level <= model.meta.token_level
  for (const { tile, from, to } of piecesFor(model, has)) {
    const apart = binNs(tile.level) / model.nsPerPx
    for (const { parts } of tile.answers) {
      if (parts.ticks === undefined) continue
      const { lane, id, index, t_ns: t, n } = parts.ticks.columns
      for (let i = 0; i < parts.ticks.rows; i++) {
        const at = t![i] as number
        if (at < from || at >= to) continue
        const x = model.x(at)
        if (x < -2 || x > model.width + 2) continue
        const top = y + 4 + (lane![i] as number) * row.lane
        const { selected } = model
        const isSelected = selected?.kind === 'token' && selected.request === id![i] && selected.index === index![i]
        c.fillStyle = isSelected ? palette.bad : palette.tick
        c.globalAlpha = isSelected ? 1 : 0.8
        c.fillRect(Math.round(x), isSelected ? top - 2 : top, isSelected ? 2 : 1, isSelected ? h + 4 : h)
        c.globalAlpha = 1
        hits.push({
          x: x - Math.max(2, Math.min(4, apart)),
          y: top,
          w: 5,
          h,
          what: { kind: 'token', request: id![i] as number, index: index![i] as number, t: at, n: n![i] as number },
        })
      }
    }
  }
}
