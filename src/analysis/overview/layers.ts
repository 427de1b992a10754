import type { Report } from '../report.ts'

/** A layer, and whether the run has it. */
export interface LayerState {
  readonly layer: string
  readonly present: boolean
}

/** Which layers a run has, from its report. */
export function layerStates(report: Report): LayerState[] {
  const tracked = (layer: string) => report.hardware.sensors.some((sensor) => sensor.layer === layer)
  const host = report.machine.tracks.some((track) => track.layer === 'host')
  return [
    { layer: 'requests', present: report.offered.by_status.length > 0 },
    { layer: 'tokens', present: (report.run.layers.chunks?.rows ?? 0) > 0 },
    { layer: 'engine metrics', present: report.engine_metrics !== null },
    { layer: 'engine steps', present: report.steps !== null },
    { layer: 'kernels', present: report.kernels !== null || report.operators !== null },
    { layer: 'operating system', present: report.os !== null },
    { layer: 'GPU', present: tracked('gpu') },
    { layer: 'host', present: host || tracked('host') },
  ]
}
