import { hostname } from 'node:os'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { Recording } from '../recording.ts'

/** Records the times in which the user paused the offering, because figures of these times need that context. */
export function pauseTrack(recording: Recording): (fromNs: number, toNs: number) => void {
  const { writers } = recording.store
  let track: number | null = null
  return (fromNs, toNs) => {
    if (track === null) {
      track = recording.nextTrackId()
      writers.tracks.append({
        track_id: track,
        layer: codeOf(LAYERS, 'client'),
        host: hostname(),
        name: 'offering_paused',
        unit: 'ns',
        clock: 'run',
        attrs: JSON.stringify({ source: 'the user' }),
      })
    }
    writers.slices.append({
      slice_id: recording.nextSliceId(),
      track_id: track,
      t_ns: fromNs,
      dur_ns: toNs - fromNs,
      name_id: recording.nameId('offering paused by the user'),
      category: 'pause',
    })
  }
}
