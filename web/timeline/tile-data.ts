import type { TileHead, TilePart } from '../../src/server/web/api-types.ts'

export const TILE_BINS = 512
export const MIN_LEVEL = -10
export const MAX_LEVEL = 26

export function binNs(level: number): number {
  return 1000 * 2 ** level
}

/** The coarsest level whose pixels are not wider than the screen's. */
export function levelOf(nsPerPx: number): number {
  const level = 2 * Math.floor(Math.log2(Math.max(1e-9, nsPerPx) / 1000) / 2)
  return Math.min(MAX_LEVEL, Math.max(MIN_LEVEL, level))
}

/** Columns of one part of a tile, and where in them the rows of a track are. */
export interface Part {
  readonly rows: number
  readonly columns: Readonly<Record<string, Float64Array | Uint32Array>>
  /** First row and the row after the last, by track. */
  readonly ranges: ReadonlyMap<number, readonly [number, number]>
}

export interface TileData {
  readonly parts: Readonly<Partial<Record<TilePart['name'], Part>>>
  readonly names: Readonly<Record<number, string>>
  readonly bytes: number
}

/** Reads a tile's bytes; its columns stay where they lie. */
export function decodeTile(buffer: ArrayBuffer): TileData {
  const length = new DataView(buffer).getUint32(0, true)
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length))) as TileHead
  const start = Math.ceil((4 + length) / 8) * 8
  const parts: Partial<Record<TilePart['name'], Part>> = {}
  for (const { name, rows, columns } of head.parts) {
    const arrays: Record<string, Float64Array | Uint32Array> = {}
    for (const { name: column, type, offset } of columns) {
      arrays[column] =
        type === 'f64' ? new Float64Array(buffer, start + offset, rows) : new Uint32Array(buffer, start + offset, rows)
    }
    parts[name] = { rows, columns: arrays, ranges: rangesOf(arrays.track, rows) }
  }
  return { parts, names: head.names, bytes: buffer.byteLength }
}

function rangesOf(track: Float64Array | Uint32Array | undefined, rows: number): Map<number, [number, number]> {
  const ranges = new Map<number, [number, number]>()
  if (track === undefined) return ranges
  let from = 0
  for (let i = 1; i <= rows; i++) {
    if (i < rows && track[i] === track[from]) continue
    ranges.set(track[from] as number, [from, i])
    from = i
  }
  return ranges
}
