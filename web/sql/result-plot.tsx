import type { SqlAnswer } from '../../src/server/web/api-types.ts'
import { number } from '../base/format.ts'

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [900, 320, 64, 26]
const COLOURS = ['c-decode', 'c-prefill', 'c-engine', 'c-kernel', 'c-os', 'c-gpu'] as const

/** The first column of numbers across, the others as lines. */
export function ResultPlot({ answer }: { answer: SqlAnswer }) {
  const numeric = answer.columns.flatMap((name, i) =>
    answer.rows.some((row) => typeof row[i] === 'number') &&
    answer.rows.every((row) => row[i] === null || typeof row[i] === 'number')
      ? [{ name, i }]
      : [],
  )
  const [across, ...others] = numeric
  if (across === undefined || answer.rows.length < 2)
    return <p class="none">A plot needs two rows and a column of numbers.</p>
  const lines = (others.length === 0 ? [across] : others).slice(0, 6)
  const xs = answer.rows.map((row, i) => (others.length === 0 ? i : Number(row[across.i])))
  const ys = lines.flatMap(({ i }) => answer.rows.map((row) => Number(row[i] ?? 0)))
  const [x0, x1, y0, y1] = [least(xs), most(xs), Math.min(0, least(ys)), most(ys)]
  const x = (value: number) => LEFT + ((value - x0) / Math.max(1e-12, x1 - x0)) * (WIDTH - LEFT - 12)
  const y = (value: number) => HEIGHT - BOTTOM - ((value - y0) / Math.max(1e-12, y1 - y0)) * (HEIGHT - BOTTOM - 12)
  const order = xs.map((_, i) => i).sort((a, b) => (xs[a] as number) - (xs[b] as number))
  return (
    <div class="sql-result">
      <div class="row">
        {lines.map(({ name }, i) => (
          <span key={name} class={`key ${COLOURS[i]}`}>
            {name}
          </span>
        ))}
        <span class="muted">across: {others.length === 0 ? 'row' : across.name}</span>
      </div>
      <svg
        class="chart"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={`plot of ${lines.map(({ name }) => name).join(', ')}`}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line
              class="grid"
              x1={LEFT}
              x2={WIDTH - 12}
              y1={y(y0 + share * (y1 - y0))}
              y2={y(y0 + share * (y1 - y0))}
            />
            <text x={LEFT - 6} y={y(y0 + share * (y1 - y0)) + 4} text-anchor="end">
              {number(y0 + share * (y1 - y0))}
            </text>
            <text x={x(x0 + share * (x1 - x0))} y={HEIGHT - 6} text-anchor={share === 1 ? 'end' : 'middle'}>
              {number(x0 + share * (x1 - x0))}
            </text>
          </g>
        ))}
        {lines.map(({ i }, at) => (
          <polyline
            key={i}
            class={`line ${COLOURS[at]}`}
            points={order
              .flatMap((row) =>
                answer.rows[row]?.[i] === null
                  ? []
                  : [`${x(xs[row] as number).toFixed(1)},${y(Number(answer.rows[row]?.[i])).toFixed(1)}`],
              )
              .join(' ')}
          />
        ))}
      </svg>
    </div>
  )
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
}
