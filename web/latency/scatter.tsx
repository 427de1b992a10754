import { ms, number } from '../base/format.ts'

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [560, 220, 56, 24]
const MOST = 4000

export function Scatter({
  x,
  y,
  xTitle,
  yTitle,
}: {
  x: readonly (number | null)[]
  y: readonly number[]
  xTitle: string
  yTitle: string
}) {
  const every = Math.max(1, Math.ceil(y.length / MOST))
  const points = y.flatMap((value, i) =>
    i % every === 0 && x[i] !== null && x[i] !== undefined ? [[x[i] as number, value] as const] : [],
  )
  if (points.length === 0) return <p class="muted">The server did not report {xTitle}.</p>
  const [mostX, mostY] = [Math.max(1, ...points.map(([a]) => a)), Math.max(1e-9, ...points.map(([, b]) => b))]
  const px = (value: number) => LEFT + (value / mostX) * (WIDTH - LEFT - 10)
  const py = (value: number) => HEIGHT - BOTTOM - (value / mostY) * (HEIGHT - BOTTOM - 12)
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${yTitle} against ${xTitle}, ${points.length} requests`}
    >
      {[0, 0.5, 1].map((share) => (
        <g key={share}>
          <line class="grid" x1={LEFT} x2={WIDTH - 10} y1={py(share * mostY)} y2={py(share * mostY)} />
          <text x={LEFT - 6} y={py(share * mostY) + 4} text-anchor="end">
            {ms(share * mostY)}
          </text>
          <text x={px(share * mostX)} y={HEIGHT - 6} text-anchor={share === 1 ? 'end' : 'middle'}>
            {number(share * mostX)}
          </text>
        </g>
      ))}
      {points.map(([a, b], i) => (
        <circle key={i} class="dot" cx={px(a)} cy={py(b)} r={points.length > 500 ? 1.6 : 3} />
      ))}
    </svg>
  )
}
