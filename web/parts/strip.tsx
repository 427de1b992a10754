import { amount } from '../base/format.ts'

export interface StripLine {
  readonly name: string
  readonly values: readonly (number | null)[]
  readonly colour: string
  readonly dashed?: boolean
  readonly fill?: boolean
}

interface StripProps {
  readonly title: string
  readonly unit: string | null
  readonly lines: readonly StripLine[]
  readonly height: number
  /** Where the pointer is, as a share of the width; null: nowhere. */
  readonly at: number | null
  readonly max?: number
}

/** One row of the picture: lines on the shared time axis, its title and what they are at the pointer on the left. */
export function Strip({ title, unit, lines, height, at, max }: StripProps) {
  const values = lines.flatMap((line) => line.values.filter((value) => value !== null))
  const most = max ?? Math.max(...values, 0)
  return (
    <div class="strip">
      <div class="strip-label">
        <span class="strip-title">{title}</span>
        <span class="strip-values">
          {lines.map((line) => (
            <span key={line.name} class={`key ${line.colour}${line.dashed ? ' dashed' : ''}`}>
              {lines.length > 1 ? `${line.name} ` : ''}
              {at === null
                ? `${lines.length > 1 ? '' : 'up to '}${amount(Math.max(...line.values.map((value) => value ?? 0)), unit)}`
                : amount(valueAt(line.values, at), unit)}
            </span>
          ))}
        </span>
      </div>
      <svg
        class="strip-chart"
        viewBox={`0 0 1000 ${height}`}
        preserveAspectRatio="none"
        style={{ height: `${height}px` }}
        role="img"
        aria-label={`${title}, up to ${amount(most, unit)}`}
      >
        {lines.map((line) => (
          <path
            key={line.name}
            class={`line ${line.colour}${line.dashed ? ' dashed' : ''}${line.fill ? ' filled' : ''}`}
            d={pathOf(line.values, most, height, line.fill === true)}
            vector-effect="non-scaling-stroke"
          />
        ))}
      </svg>
    </div>
  )
}

export function valueAt(values: readonly (number | null)[], at: number): number | null {
  return values[Math.min(values.length - 1, Math.max(0, Math.floor(at * values.length)))] ?? null
}

/** A path over 1000 units of width, broken where nothing was measured. */
export function pathOf(values: readonly (number | null)[], most: number, height: number, fill: boolean): string {
  const x = (i: number) => ((i + 0.5) / values.length) * 1000
  const y = (value: number) => height - 1.5 - (most <= 0 ? 0 : value / most) * (height - 4)
  let path = ''
  let open: number | null = null
  values.forEach((value, i) => {
    if (value === null) return
    const before = i > 0 ? values[i - 1] : null
    const gap = (open !== null && before === null && i - open > 6) || open === null
    if (gap && fill && open !== null) path += `L${x(open).toFixed(1)} ${height}Z`
    if (gap && fill) path += `M${x(i).toFixed(1)} ${height}L${x(i).toFixed(1)} ${y(value).toFixed(1)}`
    else path += `${gap ? 'M' : 'L'}${x(i).toFixed(1)} ${y(value).toFixed(1)}`
    open = i
  })
  return fill && open !== null ? `${path}L${x(open).toFixed(1)} ${height}Z` : path
}
