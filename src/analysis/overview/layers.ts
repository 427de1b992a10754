import type { Report } from '../report.ts'

/** A layer of the run: recorded, or missing with the command that adds it to the next recording. */
export interface LayerState {
  readonly layer: string
  readonly present: boolean
  /** Null for a layer that is present. */
  readonly command: string | null
}

/** Which layers a run has, from its report. */
export function layerStates(report: Report): LayerState[] {
  const again = commandOf(report)
  const requests = report.offered.by_status.length > 0
  const tracked = (layer: string) => report.hardware.sensors.some((sensor) => sensor.layer === layer)
  const host = report.machine.tracks.some((track) => track.layer === 'host')
  const layers: [string, boolean, string][] = [
    ['requests', requests, 'layerline demo'],
    ['tokens', (report.run.layers.chunks?.rows ?? 0) > 0, 'layerline demo'],
    ['engine metrics', report.engine_metrics !== null, `${again} --engine-metrics URL/metrics`],
    ['engine steps', report.steps !== null, 'layerline demo --engine vllm'],
    ['kernels', report.kernels !== null || report.operators !== null, `${again} --profile`],
    ['operating system', report.os !== null, `${again} --os auto`],
    ['GPU', tracked('gpu'), `${again} --gpu auto`],
    ['host', host || tracked('host'), again],
  ]
  return layers.map(([layer, present, command]) => ({ layer, present, command: present ? null : command }))
}

/** The recording once more, as far as the run tells it. */
function commandOf({ run }: Report): string {
  const url = run.url === null ? 'URL' : run.url.replace(/\/v1\/.*$/, '')
  if (run.command === 'replay') return `layerline replay --trace samples/arrivals.csv --url ${url}`
  if (run.command === 'load') return `layerline load --rate 2 --url ${url}`
  return `layerline trace --prompts samples/prompts.csv --url ${url}`
}
