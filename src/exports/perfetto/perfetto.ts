import type { ExportedFile, ExportOptions } from '../export-options.ts'
import { writeTimeline } from '../timeline/write-timeline.ts'
import { PerfettoSink } from './perfetto-sink.ts'

/** For ui.perfetto.dev and trace_processor. */
export function writePerfetto(folder: string, out: string, options: ExportOptions): Promise<ExportedFile[]> {
  return writeTimeline(folder, out, options, (write) => new PerfettoSink(write))
}
