import { ms } from '../base/format.ts'

export interface Bin {
  readonly from: number
  readonly to: number
  readonly n: number
}

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [560, 200, 8, 20]

/** Bins on a logarithmic axis with their ECDF; a line where the objective is, draggable where `onSlo` is given. */
export function Histogram({
  bins,
  title,
  slo,
  onSlo,
}: {
  bins: readonly Bin[]
  title: string
  slo: number | null
  onSlo?: (ms: number) => void
}) {
  const total = bins.reduce((sum, { n }) => sum + n, 0)
  if (total === 0) return <p class="muted">Nothing was measured.</p>
  const [low, high] = [Math.log10(Math.max(1e-6, bins[0]?.from ?? 1)), Math.log10(bins[bins.length - 1]?.to ?? 10)]
  const x = (value: number) =>
    LEFT + ((Math.log10(Math.max(1e-6, value)) - low) / Math.max(1e-9, high - low)) * (WIDTH - 2 * LEFT)
  const back = (px: number) => 10 ** (low + ((px - LEFT) / (WIDTH - 2 * LEFT)) * (high - low))
  const most = Math.max(...bins.map(({ n }) => n))
  const y = (share: number) => HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - 10)
  let sum = 0
  const curve = bins.map(({ to, n }) => {
    sum += n
    return `${x(to).toFixed(1)},${y(sum / total).toFixed(1)}`
  })
  const ticks: number[] = []
  const near = (high - low) * 0.08
  for (let power = Math.floor(low); power <= high; power++) {
    for (const digit of [1, 2, 5]) {
      const at = Math.log10(digit) + power
      if (at >= low && at <= high - near) ticks.push(digit * 10 ** power)
    }
  }
  const drag = (event: PointerEvent) => {
    if (onSlo === undefined || (event.type === 'pointermove' && event.buttons === 0)) return
    const box = (event.currentTarget as SVGElement).getBoundingClientRect()
    onSlo(Math.max(1e-3, back(((event.clientX - box.left) / box.width) * WIDTH)))
  }
  return (
    <svg
      class="chart"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={`${title}: histogram of ${total} values and the share below each`}
      onPointerDown={drag}
      onPointerMove={drag}
    >
      {ticks.map((tick) => (
        <g key={tick}>
          <line class="grid" x1={x(tick)} x2={x(tick)} y1={8} y2={HEIGHT - BOTTOM} />
          <text x={x(tick) + 2} y={HEIGHT - 6}>
            {ms(tick)}
          </text>
        </g>
      ))}
      {bins.map((bin) => (
        <rect
          key={bin.from}
          class={slo !== null && bin.from >= slo ? 'over' : 'bar-shape'}
          x={x(bin.from)}
          width={Math.max(1, x(bin.to) - x(bin.from) - 1)}
          y={y(bin.n / most)}
          height={Math.max(0, HEIGHT - BOTTOM - y(bin.n / most))}
        >
          <title>{`${ms(bin.from)} – ${ms(bin.to)}: ${bin.n}`}</title>
        </rect>
      ))}
      <polyline class="curve" points={curve.join(' ')} />
      {slo !== null && <line class="slo" x1={x(slo)} x2={x(slo)} y1={4} y2={HEIGHT - BOTTOM} />}
    </svg>
  )
}

/** Values in bins of a twentieth of a power of ten. */
export function binned(values: readonly number[]): Bin[] {
  const counts = new Map<number, number>()
  for (const value of values) {
    const i = Math.floor(20 * Math.log10(Math.max(1e-6, value)))
    counts.set(i, (counts.get(i) ?? 0) + 1)
  }
  return [...counts].sort(([a], [b]) => a - b).map(([i, n]) => ({ from: 10 ** (i / 20), to: 10 ** ((i + 1) / 20), n }))
}
