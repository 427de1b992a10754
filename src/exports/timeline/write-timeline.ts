import { resolve } from 'node:path'
import type { ExportedFile, ExportOptions } from '../export-options.ts'
import { OutFile } from '../out-file.ts'
import { openSealedRun } from '../sealed-run.ts'
import { drawTimeline } from './draw-timeline.ts'
import type { TimelineSink } from './timeline-sink.ts'

/** Draws a run into one file; a file that could not be finished is not left behind. */
export async function writeTimeline(
  folder: string,
  out: string,
  options: ExportOptions,
  sinkTo: (write: (bytes: Uint8Array) => void) => TimelineSink & { readonly events: number },
): Promise<ExportedFile[]> {
  const run = await openSealedRun(folder)
  try {
    const file = new OutFile(resolve(out))
    const sink = sinkTo((bytes) => file.write(bytes))
    try {
      await drawTimeline(run, sink, options)
    } catch (error) {
      file.abandon()
      throw error
    }
    file.done()
    return [{ path: out, rows: sink.events, what: 'events' }]
  } finally {
    run.close()
  }
}
