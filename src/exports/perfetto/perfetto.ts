import type { ExportFormat } from '../export-options.ts'
import { writeTimeline } from '../timeline/write-timeline.ts'
import { PerfettoSink } from './perfetto-sink.ts'

/** For ui.perfetto.dev and trace_processor. */
export const perfetto: ExportFormat = {
  about: 'one protobuf file for ui.perfetto.dev: requests on lanes with their tokens, counters, slices, flows',
  options: ['fromNs', 'toNs', 'layers'],
  write: (folder, out, options) => writeTimeline(folder, out, options, (write) => new PerfettoSink(write)),
}
