import type { ImportFormat } from './import-format.ts'
import { tracerTables } from './tracer/result-tables.ts'
import { tracerPerformance, tracerTrace } from './tracer/sample-trace.ts'
import { tracerVision } from './tracer/vision.ts'

/** Every format that becomes a run; the first that knows a header takes it. */
export const IMPORTS: readonly ImportFormat[] = [tracerTrace, tracerPerformance, tracerVision, tracerTables]
