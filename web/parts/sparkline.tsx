/** A small line of values, from zero to the largest. */
export function Sparkline({
  values,
  label,
  width = 96,
  height = 20,
}: {
  values: readonly number[]
  label: string
  width?: number
  height?: number
}) {
  const most = Math.max(...values, 0)
  if (values.length < 2 || most <= 0) return <span class="muted">–</span>
  const points = values.map(
    (value, i) =>
      `${((i / (values.length - 1)) * width).toFixed(1)},${(height - 1 - (value / most) * (height - 2)).toFixed(1)}`,
  )
  return (
    <svg class="spark" width={width} height={height} role="img" aria-label={label}>
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} class="spark-area" />
      <polyline points={points.join(' ')} class="spark-line" />
    </svg>
  )
}
