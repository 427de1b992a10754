import { useEffect, useRef, useState } from 'preact/hooks'
import { useTheme } from '../base/theme.ts'
import { draw } from './draw.ts'
import { Labels } from './labels.tsx'
import type { TimelineModel } from './model.ts'
import { readPalette } from './palette.ts'
import { type Hit, RULER } from './pen.ts'
import { attachKeys, attachPointer } from './pointer.ts'
import { Tooltip } from './tooltip.tsx'
import type { Selection } from './use-selection.ts'

/** The labels, the canvas beside them, and one scroll bar for both. */
export function TimelineCanvas({ model, selection }: { model: TimelineModel; selection: Selection }) {
  const scroller = useRef<HTMLElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const [tip, setTip] = useState<{ hit: Hit; x: number; y: number } | null>(null)
  const [top, setTop] = useState(0)
  const theme = useTheme()
  useEffect(() => {
    const [box, element] = [scroller.current, canvas.current]
    const context = element?.getContext('2d', { alpha: false })
    if (box === null || element === null || !context) return
    const hits: Hit[] = []
    let palette = readPalette(theme)
    let frame = 0
    const paint = () => {
      frame = 0
      const ratio = devicePixelRatio || 1
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      draw({ c: context, model, palette, hits })
      model.load()
      element.dataset.busy = String(model.tiles.busy)
    }
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(paint)
    }
    const resize = () => {
      const ratio = devicePixelRatio || 1
      const width = element.parentElement?.clientWidth ?? 0
      model.width = Math.max(50, width - (element.offsetLeft || 0))
      model.height = Math.max(80, box.clientHeight - RULER)
      element.width = Math.round(model.width * ratio)
      element.height = Math.round((model.height + RULER) * ratio)
      element.style.width = `${model.width}px`
      element.style.height = `${model.height + RULER}px`
      soon()
    }
    const onScroll = () => {
      model.scroll = box.scrollTop
      setTop(box.scrollTop)
      soon()
    }
    const scrolled = () => {
      box.scrollTop = model.scroll
    }
    const observer = new ResizeObserver(resize)
    observer.observe(box)
    box.addEventListener('scroll', onScroll)
    addEventListener('timelinescroll', scrolled)
    const stop = model.onChange(soon)
    const stopPointer = attachPointer(element, box, model, selection, hits, setTip)
    const stopKeys = attachKeys(box, model, selection)
    palette = readPalette(theme)
    resize()
    return () => {
      cancelAnimationFrame(frame)
      observer.disconnect()
      box.removeEventListener('scroll', onScroll)
      removeEventListener('timelinescroll', scrolled)
      stop()
      stopPointer()
      stopKeys()
      model.tiles.want([])
    }
  }, [model, selection, theme])
  return (
    <section
      class="timeline-scroll"
      ref={scroller}
      tabIndex={0}
      aria-label="Timeline: W and S zoom, A and D pan, question mark for all keys"
    >
      <div class="timeline-total" style={{ height: `${model.total + RULER}px` }}>
        <Labels model={model} top={top} />
        <div class="timeline-canvas">
          <canvas
            ref={canvas}
            role="img"
            aria-label="Requests, engine steps, kernels, threads and counters on one time axis"
          />
        </div>
      </div>
      {tip !== null && <Tooltip tip={tip} model={model} />}
    </section>
  )
}
