import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { settledBy } from '../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { readTrace } from './read-trace.ts'
import { openBytes } from './scan/byte-source.ts'
import type { CounterColumns, CounterSeries, EventColumns, EventTrack, FlowColumns } from './scan/event-columns.ts'
import { EventScanner } from './scan/event-scanner.ts'
import type { FromTrace, ToTrace, TraceThreadData } from './trace-messages.ts'

/** The most batches on their way to the importer: then the scan waits, so that memory stays bounded. */
const MAX_UNTAKEN = 4

async function scanFile(port: MessagePort, { path, options }: TraceThreadData): Promise<void> {
  const post = (message: FromTrace, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer)
  let untaken = 0
  port.on('message', (_: ToTrace) => untaken--)
  let tracks: EventTrack[] = []
  let series: CounterSeries[] = []
  const scanner = new EventScanner(options, {
    rows(columns, rows) {
      untaken++
      post(
        {
          type: 'rows',
          columns,
          rows,
          names: scanner.rows.names.takeFresh(),
          categories: scanner.rows.categories.takeFresh(),
          tracks,
        },
        buffersOf(columns),
      )
      tracks = []
    },
    counters(columns, rows) {
      untaken++
      post({ type: 'counters', columns, rows, series }, buffersOf(columns))
      series = []
    },
    flows(columns, rows) {
      untaken++
      post({ type: 'flows', columns, rows, tracks }, buffersOf(columns))
      tracks = []
    },
    series: (each) => series.push(each),
    track: (track) => tracks.push(track),
    metadata: (what, pid, tid, value) => post({ type: 'metadata', what, pid, tid, value }),
  })
  const source = await openBytes(path)
  try {
    const facts = await readTrace(source, scanner, async () => {
      post({ type: 'progress', ...source.progress() })
      while (untaken > MAX_UNTAKEN) await taken(port)
    })
    post({ type: 'done', facts, counts: scanner.rows.counts, damage: source.damage })
  } finally {
    source.close()
  }
}

function taken(port: MessagePort): Promise<void> {
  return settledBy('the importer, which takes them or ends this thread', (resolve) =>
    port.once('message', () => resolve()),
  )
}

function buffersOf(columns: EventColumns | CounterColumns | FlowColumns): ArrayBuffer[] {
  return Object.values(columns).flatMap((column) => (Array.isArray(column) ? [] : [column.buffer]))
}

async function main(port: MessagePort): Promise<void> {
  try {
    await scanFile(port, workerData as TraceThreadData)
  } catch (error) {
    const known = error instanceof LayerlineError
    port.postMessage({
      type: 'failed',
      code: known ? error.code : 'internal/import',
      message: errorText(error),
      hint: known ? error.hint : undefined,
    } satisfies FromTrace)
  }
  port.close()
}

if (parentPort !== null) void main(parentPort)
