import { duration } from '../base/format.ts'
import { drawLinks } from './draw-links.ts'
import { drawRequests } from './draw-requests.ts'
import { drawCounter, drawSlices } from './draw-tracks.ts'
import type { TimelineModel } from './model.ts'
import { type Pen, RULER } from './pen.ts'

/** Draws what is there of what is in sight; what is missing comes later. */
export function draw(pen: Pen): void {
  const { c, model, palette } = pen
  const { width, height } = model
  pen.hits.length = 0
  c.fillStyle = palette.panel
  c.fillRect(0, 0, width, height + RULER)
  const ticks = rulerTicks(model)
  c.save()
  c.beginPath()
  c.rect(0, RULER, width, height)
  c.clip()
  c.fillStyle = palette.line
  for (const tick of ticks) c.fillRect(Math.round(model.x(tick)), RULER, 1, height)
  shadeOutside(pen)
  for (const row of model.visible()) {
    const y = RULER + row.y - model.scroll
    c.fillStyle = row.kind === 'head' ? palette.raised : palette.line
    if (row.kind === 'head') c.fillRect(0, y, width, row.height)
    else c.fillRect(0, y + row.height - 1, width, 1)
    if (row.kind === 'requests') drawRequests(pen, row, y)
    if (row.kind === 'track') (row.track.kind === 'slices' ? drawSlices : drawCounter)(pen, row, y)
  }
  drawLinks(pen)
  drawRange(pen)
  c.restore()
  drawRuler(pen, ticks)
}

function shadeOutside({ c, model, palette }: Pen): void {
  c.fillStyle = palette.raised
  const [a, b] = [model.x(model.meta.from_ns), model.x(model.meta.to_ns)]
  if (a > 0) c.fillRect(0, RULER, a, model.height)
  if (b < model.width) c.fillRect(b, RULER, model.width - b, model.height)
}

/** Round times, at least 90 px apart. */
function rulerTicks(model: TimelineModel): number[] {
  const least = model.nsPerPx * 90
  const power = 10 ** Math.floor(Math.log10(least))
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= least) ?? power * 10
  const ticks: number[] = []
  const zero = model.meta.from_ns
  for (let i = Math.ceil((model.view.from - zero) / step); zero + i * step <= model.view.to && ticks.length < 100; i++)
    ticks.push(zero + i * step)
  return ticks
}

function drawRuler({ c, model, palette }: Pen, ticks: readonly number[]): void {
  c.fillStyle = palette.panel
  c.fillRect(0, 0, model.width, RULER)
  c.fillStyle = palette.line
  c.fillRect(0, RULER - 1, model.width, 1)
  c.font = palette.font
  c.textBaseline = 'middle'
  c.textAlign = 'left'
  const step = (ticks[1] ?? 1) - (ticks[0] ?? 0)
  for (const tick of ticks) {
    const x = Math.round(model.x(tick))
    c.fillStyle = palette.line
    c.fillRect(x, RULER - 8, 1, 8)
    c.fillStyle = palette.muted
    c.fillText(timeLabel(tick - model.meta.from_ns, step), x + 4, RULER / 2 - 1)
  }
  if (model.hover !== null) {
    c.fillStyle = palette.accent
    c.fillRect(Math.round(model.hover.x), RULER - 8, 1, 8)
  }
}

/** Since the start of the run, with as many digits as the step shows. */
function timeLabel(ns: number, step: number): string {
  if (Math.abs(ns) < step / 2) return '0'
  const [unit, name] =
    Math.abs(ns) >= 1e9 ? [1e9, 's'] : Math.abs(ns) >= 1e6 ? [1e6, 'ms'] : Math.abs(ns) >= 1e3 ? [1e3, 'µs'] : [1, 'ns']
  const digits = Math.min(9, Math.max(0, -Math.floor(Math.log10(step / unit) + 1e-9)))
  return `${(ns / unit).toFixed(digits)} ${name}`
}

function drawRange({ c, model, palette }: Pen): void {
  if (model.range === null) return
  const [a, b] = [model.x(model.range.from), model.x(model.range.to)]
  c.globalAlpha = 0.14
  c.fillStyle = palette.accent
  c.fillRect(a, RULER, b - a, model.height)
  c.globalAlpha = 1
  c.fillRect(a, RULER, 1, model.height)
  c.fillRect(b, RULER, 1, model.height)
  c.font = palette.font
  c.textAlign = 'center'
  c.textBaseline = 'middle'
  c.fillText(duration(model.range.to - model.range.from), (a + b) / 2, RULER + 10)
}
