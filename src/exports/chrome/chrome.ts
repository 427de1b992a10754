import type { ExportFormat } from '../export-options.ts'
import { writeTimeline } from '../timeline/write-timeline.ts'
import { ChromeSink } from './chrome-sink.ts'

/** For chrome://tracing and whatever reads its JSON. */
export const chrome: ExportFormat = {
  about: 'one JSON file of trace events for chrome://tracing, Perfetto and speedscope',
  options: ['fromNs', 'toNs', 'layers'],
  write: (folder, out, options) =>
    writeTimeline(folder, out, options, (write) => new ChromeSink((text) => write(Buffer.from(text)))),
}
