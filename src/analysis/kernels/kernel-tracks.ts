import type { RunReader } from '../../store/read/run-reader.ts'

/** A track whose slices are operators, calls or kernels of one rank. */
export interface KernelTrack {
  readonly trackId: number
  readonly rank: number
  readonly layer: string
  /** us on the clock of the file it came from at the run's zero; 0 where it was not imported. */
  readonly zeroUs: number
}

/** The tracks that belong to a rank, by rank: those of the layers `kernel` and `engine` whose attrs name one. */
export async function kernelTracks(reader: RunReader): Promise<KernelTrack[]> {
  const rows = await reader.query(
    "SELECT track_id, layer, attrs FROM tracks WHERE layer IN ('kernel', 'engine') AND attrs IS NOT NULL ORDER BY track_id",
  )
  const tracks = rows.flatMap(({ track_id, layer, attrs }) => {
    const { rank, zero_us } = parsedAttrs(String(attrs))
    if (typeof rank !== 'number') return []
    return [
      { trackId: Number(track_id), rank, layer: String(layer), zeroUs: typeof zero_us === 'number' ? zero_us : 0 },
    ]
  })
  return tracks.sort((a, b) => a.rank - b.rank || a.trackId - b.trackId)
}

function parsedAttrs(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** The tracks as an SQL relation `(track_id, rank, zero_us)`. */
export function tracksValues(tracks: readonly KernelTrack[]): string {
  const rows = tracks.map(({ trackId, rank, zeroUs }) => `(${trackId}::UINTEGER, ${rank}::INTEGER, ${zeroUs}::DOUBLE)`)
  return `(VALUES ${rows.join(', ')}) AS tracks_of(track_id, rank, zero_us)`
}
