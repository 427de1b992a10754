import type { ExportedFile, ExportOptions } from '../export-options.ts'
import { writeTimeline } from '../timeline/write-timeline.ts'
import { ChromeSink } from './chrome-sink.ts'

/** For chrome://tracing and whatever reads its JSON. */
export function writeChrome(folder: string, out: string, options: ExportOptions): Promise<ExportedFile[]> {
  return writeTimeline(folder, out, options, (write) => new ChromeSink((text) => write(Buffer.from(text))))
}
