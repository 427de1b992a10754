/** Three digits, thousands apart: 1.23, 45.6, 789, 12,300. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size !== 0 && size < 0.001) return value.toExponential(1)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  return Number(value.toPrecision(3)).toString()
}

/** A duration from ns, in the unit that reads best. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined || !Number.isFinite(ns)) return '–'
  const size = Math.abs(ns)
  if (size >= 120e9) return `${number(ns / 60e9)} min`
  if (size >= 1e9) return `${number(ns / 1e9)} s`
  if (size >= 1e6) return `${number(ns / 1e6)} ms`
  if (size >= 1e3) return `${number(ns / 1e3)} µs`
  return `${number(ns)} ns`
}

export function ms(value: number | null | undefined): string {
  return value === null || value === undefined ? '–' : duration(value * 1e6)
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let [size, unit] = [value, 0]
  while (Math.abs(size) >= 1024 && unit < units.length - 1) {
    size /= 1024
    unit++
  }
  return `${number(size)} ${units[unit]}`
}

export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? '–' : `${number(share * 100)} %`
}

/** A value in its unit, as the run's tracks name it. */
export function amount(value: number | null, unit: string | null): string {
  if (value === null) return '–'
  if (unit === 'ns') return duration(value)
  if (unit === 'bytes') return bytes(value)
  if (unit === 'ratio') return percent(value)
  if (unit === 'ms') return ms(value)
  return `${number(value)}${unit === null || unit === '1' || unit === '' ? '' : ` ${unit}`}`
}

export function day(iso: string): string {
  const date = new Date(iso)
  if (Number.isNaN(date.getTime())) return '–'
  return date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' })
}

/** Counts with their noun: `1 request`, `2 requests`. */
export function many(count: number, what: string): string {
  return `${count.toLocaleString('en')} ${what}${count === 1 ? '' : 's'}`
}
