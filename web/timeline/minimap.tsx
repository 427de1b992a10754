import { useEffect, useRef, useState } from 'preact/hooks'
import type { RunFigures } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { useAnswer } from '../base/use-answer.ts'
import type { TimelineModel } from './model.ts'

/** The whole run, and the part of it that is in sight; a click or a drag goes there. */
export function Minimap({ id, model }: { id: string; model: TimelineModel }) {
  const box = useRef<HTMLDivElement>(null)
  const [view, setView] = useState(model.view)
  const answer = useAnswer<RunFigures>(runPath(id, '/figures'))
  useEffect(() => model.onChange((what) => what === 'view' && setView(model.view)), [model])
  const { from_ns: from, to_ns: to } = model.meta
  const share = (ns: number) => Math.min(1, Math.max(0, (ns - from) / (to - from)))
  const jump = (event: PointerEvent) => {
    const rect = box.current?.getBoundingClientRect()
    if (rect === undefined || event.buttons === 0) return
    const at = from + ((event.clientX - rect.left) / rect.width) * (to - from)
    const span = model.view.to - model.view.from
    model.setView(at - span / 2, at + span / 2)
  }
  const values = answer.state === 'done' ? answer.value.in_flight : []
  const most = Math.max(1e-9, ...values)
  return (
    <div class="minimap" ref={box} onPointerDown={jump} onPointerMove={jump} aria-hidden="true">
      {values.length > 1 && (
        <svg viewBox={`0 0 ${values.length - 1} 1`} preserveAspectRatio="none" aria-hidden="true">
          <polygon
            class="spark-area"
            points={`0,1 ${values.map((value, i) => `${i},${1 - (value / most) * 0.9}`).join(' ')} ${values.length - 1},1`}
          />
        </svg>
      )}
      <span
        class="window"
        style={{
          left: `${share(view.from) * 100}%`,
          width: `${Math.max(0.3, (share(view.to) - share(view.from)) * 100)}%`,
        }}
      />
    </div>
  )
}
