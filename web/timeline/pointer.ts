import type { Selected, TimelineModel } from './model.ts'
import { type Hit, RULER } from './pen.ts'
import type { Selection } from './use-selection.ts'

type Tip = { hit: Hit; x: number; y: number } | null

/** Wheel zooms and pans, dragging selects a range (with Shift, or in the ruler, it pans), a click selects what lies there. */
export function attachPointer(
  canvas: HTMLCanvasElement,
  box: HTMLElement,
  model: TimelineModel,
  selection: Selection,
  hits: readonly Hit[],
  setTip: (tip: Tip) => void,
): () => void {
  let drag: { x: number; last: number; pans: boolean; moved: boolean } | null = null
  const touches = new Map<number, number>()
  const xOf = (event: MouseEvent) => event.clientX - canvas.getBoundingClientRect().left
  const yOf = (event: MouseEvent) => event.clientY - canvas.getBoundingClientRect().top
  const hitAt = (x: number, y: number): Hit | null => {
    for (let i = hits.length - 1; i >= 0; i--) {
      const hit = hits[i] as Hit
      if (x >= hit.x - 1 && x <= hit.x + hit.w + 1 && y >= hit.y && y <= hit.y + hit.h && y > RULER) return hit
    }
    return null
  }
  const onWheel = (event: WheelEvent) => {
    const scrolls = box.scrollHeight > box.clientHeight + 1 && !event.ctrlKey && !event.metaKey && yOf(event) > RULER
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault()
      model.pan(event.deltaX === 0 ? event.deltaY : event.deltaX)
    } else if (!scrolls) {
      event.preventDefault()
      model.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY * 0.0022))), xOf(event))
    }
  }
  const onDown = (event: PointerEvent) => {
    if (event.button > 1) return
    canvas.setPointerCapture(event.pointerId)
    if (event.pointerType === 'touch') touches.set(event.pointerId, xOf(event))
    const pans = event.shiftKey || event.button === 1 || yOf(event) < RULER || event.pointerType === 'touch'
    drag = { x: xOf(event), last: xOf(event), pans, moved: false }
    setTip(null)
  }
  const onMove = (event: PointerEvent) => {
    const [x, y] = [xOf(event), yOf(event)]
    if (touches.size === 2) return pinch(event, x)
    if (drag === null) {
      model.hover = { x, y }
      const hit = hitAt(x, y)
      setTip(hit === null ? null : { hit, x: event.clientX, y: event.clientY })
      canvas.style.cursor = hit === null ? 'default' : 'pointer'
      return
    }
    if (Math.abs(x - drag.x) > 4) drag.moved = true
    if (!drag.moved) return
    if (drag.pans) model.pan(drag.last - x)
    else {
      const [a, b] = [model.ns(Math.min(drag.x, x)), model.ns(Math.max(drag.x, x))]
      model.range = { from: a, to: b }
      model.changed('view')
    }
    drag.last = x
  }
  const pinch = (event: PointerEvent, x: number) => {
    const [other] = [...touches].filter(([id]) => id !== event.pointerId)
    const before = touches.get(event.pointerId)
    if (other === undefined || before === undefined) return
    const [was, now] = [Math.abs(before - other[1]), Math.abs(x - other[1])]
    if (now > 8) model.zoom(was / now, (x + other[1]) / 2)
    touches.set(event.pointerId, x)
  }
  const onUp = (event: PointerEvent) => {
    touches.delete(event.pointerId)
    const done = drag
    drag = null
    if (done === null) return
    if (done.moved) {
      if (!done.pans) selection.setRange(model.range)
      return
    }
    const hit = hitAt(xOf(event), yOf(event))
    selection.select(hit === null ? null : selectedOf(hit))
  }
  const onLeave = () => {
    model.hover = null
    setTip(null)
  }
  const onDouble = (event: MouseEvent) => {
    const hit = hitAt(xOf(event), yOf(event))
    if (hit?.what.kind === 'slice') model.fit(hit.what.t, hit.what.t + hit.what.dur)
    if (hit?.what.kind === 'request') model.fit(hit.what.sent, hit.what.end)
    if (hit?.what.kind === 'cell') model.zoom(0.25, xOf(event))
  }
  canvas.addEventListener('wheel', onWheel, { passive: false })
  canvas.addEventListener('pointerdown', onDown)
  canvas.addEventListener('pointermove', onMove)
  canvas.addEventListener('pointerup', onUp)
  canvas.addEventListener('pointercancel', onUp)
  canvas.addEventListener('pointerleave', onLeave)
  canvas.addEventListener('dblclick', onDouble)
  return () => {
    canvas.removeEventListener('wheel', onWheel)
    canvas.removeEventListener('pointerdown', onDown)
    canvas.removeEventListener('pointermove', onMove)
    canvas.removeEventListener('pointerup', onUp)
    canvas.removeEventListener('pointercancel', onUp)
    canvas.removeEventListener('pointerleave', onLeave)
    canvas.removeEventListener('dblclick', onDouble)
  }
}

function selectedOf({ what }: Hit): Selected | null {
  if (what.kind === 'slice') return { kind: 'slice', id: what.id }
  if (what.kind === 'token') return { kind: 'token', request: what.request, index: what.index }
  if (what.kind === 'request') return { kind: 'request', id: what.id }
  return null
}

/** Keys, wherever the focus is but in a field. */
export function attachKeys(box: HTMLElement, model: TimelineModel, selection: Selection): () => void {
  const keys: Readonly<Record<string, () => void>> = {
    w: () => model.zoom(0.7, model.hover?.x),
    s: () => model.zoom(1 / 0.7, model.hover?.x),
    a: () => model.pan(-model.width * 0.15),
    d: () => model.pan(model.width * 0.15),
    ArrowLeft: () => model.pan(-model.width * 0.15),
    ArrowRight: () => model.pan(model.width * 0.15),
    '+': () => model.zoom(0.7),
    '-': () => model.zoom(1 / 0.7),
    '0': () => model.setView(model.meta.from_ns, model.meta.to_ns),
    '.': () => selection.step(1),
    ',': () => selection.step(-1),
    f: () => {
      const [first] = model.chain?.nodes ?? []
      if (model.range !== null) model.fit(model.range.from, model.range.to)
      else if (first !== undefined) model.fit(first.t_ns, first.t_ns + Math.max(first.dur_ns, 1e6))
    },
    r: () => {
      const span = model.view.to - model.view.from
      selection.setRange({ from: model.view.from + span * 0.25, to: model.view.to - span * 0.25 })
    },
    l: () => document.querySelector<HTMLButtonElement>('.detail .links button.link')?.focus(),
    Escape: () => selection.setRange(null),
    '/': () => document.querySelector<HTMLInputElement>('.search input')?.focus(),
    '?': () => document.querySelector<HTMLButtonElement>('.help-button')?.click(),
  }
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement
    if (
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      target.closest('input, textarea, select, dialog[open]') !== null
    )
      return
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
    const action = Object.hasOwn(keys, key) ? keys[key] : undefined
    if (action === undefined) return
    event.preventDefault()
    action()
  }
  // The view owns the keys of the page while it is there; the box keeps the arrows for scrolling up and down.
  box.ownerDocument.addEventListener('keydown', onKey)
  return () => box.ownerDocument.removeEventListener('keydown', onKey)
}
