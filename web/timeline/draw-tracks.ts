import type { Row } from './layout.ts'
import { colourOf } from './palette.ts'
import type { Hit, Pen } from './pen.ts'
import { binNs } from './tile-data.ts'
import { piecesFor } from './tiles-in-sight.ts'

type TrackRow = Extract<Row, { kind: 'track' }>
const LANE = 16

/** Slices of one track: one by one in lanes, or how busy each pixel was. */
export function drawSlices(pen: Pen, row: TrackRow, y: number): void {
  const { model } = pen
  const track = row.track.track_id
  const seen = new Set<number>()
  for (const { tile, from, to } of piecesFor(model, (each) => each.slices.has(track))) {
    for (const { parts, names } of tile.answers) {
      const items = parts.items?.ranges.get(track)
      if (items !== undefined && parts.items !== undefined)
        drawItems(pen, parts.items.columns, items, names, y, from, to, seen, track, tile.level)
      const cells = parts.cells?.ranges.get(track)
      if (cells !== undefined && parts.cells !== undefined)
        drawCells(pen, parts.cells.columns, cells, names, y, row.height, from, to, tile.level, tile.index)
    }
  }
  drawOutages(pen, track, y, row.height)
}

type Columns = Readonly<Record<string, Float64Array | Uint32Array>>
type Names = Readonly<Record<number, string>>

function drawItems(
  pen: Pen,
  columns: Columns,
  [first, last]: readonly [number, number],
  names: Names,
  y: number,
  from: number,
  to: number,
  seen: Set<number>,
  track: number,
  level: number,
): void {
  const { c, model, palette, hits } = pen
  const { depth, t_ns: t, dur_ns: dur, busy_ns: busy, name, n, id } = columns as Required<Columns>
  const bin = binNs(level)
  let lanes = 1
  c.font = palette.font
  c.textBaseline = 'middle'
  c.textAlign = 'left'
  for (let i = first; i < last; i++) {
    const [start, length] = [t![i] as number, dur![i] as number]
    const many = n![i] as number
    const end = start + length
    if (end < from || start >= to || end < model.view.from || start > model.view.to) continue
    const isCell = many > 1
    if (!isCell) {
      // One that reaches over tiles is in each of them.
      if (seen.has(id![i] as number)) continue
      seen.add(id![i] as number)
    }
    const lane = depth![i] as number
    if (lane >= lanes) lanes = lane + 1
    const x0 = Math.max(-2, model.x(start))
    const x1 = Math.min(model.width + 2, model.x(end))
    const w = Math.max(1, x1 - x0)
    const top = y + 2 + lane * LANE
    const text = names[name![i] as number] ?? ''
    c.fillStyle = colourOf(palette, text)
    if (isCell) c.globalAlpha = 0.35 + 0.65 * Math.min(1, (busy![i] as number) / bin)
    c.fillRect(x0, top, w > 3 ? w - 0.5 : w, LANE - 2)
    c.globalAlpha = 1
    if (w > 34 && text !== '') {
      c.fillStyle = palette.onName
      c.fillText(fitted(text, w - 8), x0 + 4, top + LANE / 2 - 0.5)
    }
    hits.push({
      x: x0,
      y: top,
      w: Math.max(w, 2),
      h: LANE - 2,
      what: { kind: 'slice', id: id![i] as number, name: text, t: start, dur: length, n: many },
    })
    outline(pen, hits[hits.length - 1] as Hit)
  }
  model.growLanes(track, lanes)
}

/** About as much of a text as fits; measuring each would take longer than drawing it. */
function fitted(text: string, width: number): string {
  const most = Math.floor(width / 6)
  return text.length <= most ? text : most < 4 ? '' : `${text.slice(0, most - 1)}…`
}

function outline({ c, model, palette }: Pen, { x, y, w, h, what }: Hit): void {
  const { selected } = model
  if (selected?.kind !== 'slice' || what.kind !== 'slice' || what.id !== selected.id) return
  c.strokeStyle = palette.text
  c.lineWidth = 2
  c.strokeRect(x, y, w, h)
}

function drawCells(
  pen: Pen,
  columns: Columns,
  [first, last]: readonly [number, number],
  names: Names,
  y: number,
  height: number,
  from: number,
  to: number,
  level: number,
  index: number,
): void {
  const { c, model, palette, hits } = pen
  const { bin, n, busy_ns: busy, name } = columns as Required<Columns>
  const width = binNs(level)
  const base = index * 512
  const w = Math.max(1, width / model.nsPerPx)
  for (let i = first; i < last; i++) {
    const t = (base + (bin![i] as number)) * width
    if (t + width < from || t >= to) continue
    const x = model.x(t)
    if (x + w < 0 || x > model.width) continue
    const share = Math.min(1, (busy![i] as number) / width)
    const h = Math.max(3, share * (height - 5))
    const text = names[name![i] as number] ?? ''
    c.fillStyle = colourOf(palette, text)
    c.fillRect(x, y + height - 3 - h, w, h)
    if (w >= 2)
      hits.push({ x, y, w, h: height, what: { kind: 'cell', t, name: text, n: n![i] as number, busy: share } })
  }
}

/** Holes in a layer's data, as holes: hatched over the whole row. */
function drawOutages({ c, model, palette }: Pen, track: number, y: number, height: number): void {
  for (const outage of model.meta.outages) {
    if (outage.track_id !== track) continue
    const [x0, x1] = [model.x(outage.t_ns), model.x(outage.t_ns + outage.dur_ns)]
    if (x1 < 0 || x0 > model.width) continue
    hatch(c, Math.max(0, x0), y, Math.min(model.width, x1) - Math.max(0, x0), height - 1, palette.muted)
  }
}

export function hatch(c: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string): void {
  c.save()
  c.beginPath()
  c.rect(x, y, Math.max(1, w), h)
  c.clip()
  c.strokeStyle = colour
  c.lineWidth = 1
  c.beginPath()
  for (let at = x - h; at < x + w; at += 6) {
    c.moveTo(at, y + h)
    c.lineTo(at + h, y)
  }
  c.stroke()
  c.restore()
}

/** A counter: from the smallest to the largest sample of each pixel, joined. */
export function drawCounter(pen: Pen, row: TrackRow, y: number): void {
  const { c, model, palette, hits } = pen
  const { track } = row
  const [low, high] = [Math.min(0, track.min ?? 0), Math.max(track.max ?? 1, track.min ?? 0)]
  const scale = high > low ? (row.height - 8) / (high - low) : 0
  const at = (value: number) => y + row.height - 4 - (value - low) * scale
  const colour = palette.layers[track.layer] ?? palette.muted
  c.beginPath()
  let open = false
  const base = at(low)
  let lastX = 0
  const area = new Path2D()
  for (const { tile, from, to } of piecesFor(model, (each) => each.counters.has(track.track_id))) {
    const width = binNs(tile.level)
    const w = Math.max(1, width / model.nsPerPx)
    for (const { parts } of tile.answers) {
      const range = parts.counters?.ranges.get(track.track_id)
      if (range === undefined || parts.counters === undefined) continue
      const { bin, min, max } = parts.counters.columns as Required<Columns>
      for (let i = range[0]; i < range[1]; i++) {
        const t = (tile.index * 512 + (bin![i] as number)) * width
        if (t < from || t >= to) continue
        const x = model.x(t + width / 2)
        if (x < -200 || x > model.width + 200) continue
        const [top, bottom] = [at(max![i] as number), at(min![i] as number)]
        if (!open) {
          c.moveTo(x, top)
          area.moveTo(x, base)
        } else c.lineTo(x, top)
        area.lineTo(x, top)
        if (bottom - top > 1) {
          c.lineTo(x, bottom)
          c.moveTo(x, top)
        }
        open = true
        lastX = x
        if (w > 3)
          hits.push({
            x: x - w / 2,
            y,
            w,
            h: row.height,
            what: { kind: 'counter', track: track.track_id, t, min: min![i] as number, max: max![i] as number },
          })
      }
    }
  }
  if (!open) return
  area.lineTo(lastX, base)
  c.globalAlpha = 0.14
  c.fillStyle = colour
  c.fill(area)
  c.globalAlpha = 1
  c.strokeStyle = colour
  c.lineWidth = 1.25
  c.stroke()
}
