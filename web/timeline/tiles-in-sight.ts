import type { TimelineModel } from './model.ts'
import { binNs, MAX_LEVEL, MIN_LEVEL, TILE_BINS } from './tile-data.ts'
import type { Tile } from './tile-store.ts'

export interface Piece {
  readonly tile: Tile
  /** The part of the tile's time to draw. */
  readonly from: number
  readonly to: number
}

/** For each stretch in sight the best tile that has come: of the level wanted, else a coarser one, else finer ones. */
export function piecesFor(model: TimelineModel, has: (tile: Tile) => boolean): Piece[] {
  const { level, view } = model
  const width = binNs(level) * TILE_BINS
  const pieces: Piece[] = []
  for (let index = Math.floor(view.from / width); index * width < view.to; index++) {
    const [from, to] = [index * width, (index + 1) * width]
    const own = model.tiles.get(level, index)
    if (own !== undefined && has(own)) {
      pieces.push({ tile: own, from, to })
      continue
    }
    const coarse = coarser(model, level, from, has)
    if (coarse !== null) pieces.push({ tile: coarse, from, to })
    else pieces.push(...finer(model, level, from, to, has))
  }
  return pieces
}

function coarser(model: TimelineModel, level: number, from: number, has: (tile: Tile) => boolean): Tile | null {
  for (let up = level + 2; up <= MAX_LEVEL; up += 2) {
    const tile = model.tiles.get(up, Math.floor(from / (binNs(up) * TILE_BINS)))
    if (tile !== undefined && has(tile)) return tile
  }
  return null
}

function finer(model: TimelineModel, level: number, from: number, to: number, has: (tile: Tile) => boolean): Piece[] {
  const down = level - 2
  if (down < MIN_LEVEL) return []
  const width = binNs(down) * TILE_BINS
  const pieces: Piece[] = []
  for (let index = Math.round(from / width); index * width < to; index++) {
    const tile = model.tiles.get(down, index)
    if (tile !== undefined && has(tile)) pieces.push({ tile, from: index * width, to: (index + 1) * width })
  }
  return pieces
}
