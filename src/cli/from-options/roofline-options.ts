import { readModelShape } from '../../analysis/roofline/model-shape.ts'
import type { RooflineOptions } from '../../analysis/roofline/roofline.ts'
import { LayerlineError } from '../../base/errors.ts'

interface Given {
  readonly 'model-config'?: string | undefined
  readonly 'peak-tflops'?: number | undefined
  readonly 'peak-gbps'?: number | undefined
}

/** The model and the peaks that a roofline is to be counted by; undefined where none is asked for. */
export function rooflineOptions(given: Given): RooflineOptions | undefined {
  const { 'model-config': config, 'peak-tflops': tflops, 'peak-gbps': gbps } = given
  if ((tflops === undefined) !== (gbps === undefined))
    throw new LayerlineError('usage/arguments', '--peak-tflops and --peak-gbps: expected both or none')
  if (config === undefined) {
    if (tflops === undefined) return undefined
    throw new LayerlineError('usage/arguments', '--peak-tflops without --model-config: expected the model, too')
  }
  if (tflops === undefined || gbps === undefined) return { shape: readModelShape(config), peaks: null }
  if (!(tflops > 0 && gbps > 0))
    throw new LayerlineError('usage/arguments', '--peak-tflops and --peak-gbps: expected numbers above 0')
  return { shape: readModelShape(config), peaks: { flops_per_s: tflops * 1e12, bytes_per_s: gbps * 1e9 } }
}
