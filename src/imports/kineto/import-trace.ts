import { basename } from 'node:path'
import { Worker } from 'node:worker_threads'
import { endThread, settledBy, unlessAborted } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { builtFile } from '../../base/package-files.ts'
import type { Columns } from '../../store/live/row-buffer.ts'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import type { Implausible } from './plausible-times.ts'
import type { ReadFile } from './read-file.ts'
import { isDeviceWork } from './scan/category-names.ts'
import type { CounterColumns, CounterSeries, EventTrack, FlowColumns } from './scan/event-columns.ts'
import type { ScanOptions } from './scan/scan-types.ts'
import { type FileZero, SliceSpool, type TrackFacts } from './slice-spool.ts'
import type { TraceFacts } from './trace-facts.ts'
import type { FromTrace, ToTrace, TraceThreadData } from './trace-messages.ts'
import { noteTrace } from './trace-notes.ts'
import type { TraceRun } from './trace-run.ts'

interface TrackOfFile extends EventTrack {
  readonly id: number
  readonly file: number
}

/**
 * Reads traces of PyTorch's profiler, or others in Chrome's format, into one run: one file per rank, one after another.
 */
export class TraceImport {
  private readonly run: TraceRun
  private readonly spool: SliceSpool
  private readonly options: ScanOptions
  private readonly names = new Map<string, number>()
  private readonly categories = new Map<string, number>()
  private readonly tracks: TrackOfFile[] = []
  private readonly metadata = new Map<string, string>()
  private readonly files: (Pick<ReadFile, 'path' | 'facts' | 'counts' | 'damage' | 'rank'> & {
    readonly rows: number
  })[] = []
  private zeroNs = 0n

  private constructor(run: TraceRun, spool: SliceSpool, options: ScanOptions) {
    this.run = run
    this.spool = spool
    this.options = options
  }

  static async open(run: TraceRun, options: ScanOptions): Promise<TraceImport> {
    return new TraceImport(run, await SliceSpool.open(run.folder, options.args), options)
  }

  /** Reads one file; throws where it is no trace at all. */
  async read(path: string, onProgress: (done: number, total: number) => void): Promise<void> {
    const file = this.files.length
    const before = this.spool.rows
    const ids: { names: number[]; categories: number[]; tracks: number[] } = { names: [], categories: [], tracks: [] }
    const seriesTracks: number[] = []
    const data: TraceThreadData = { path, options: this.options }
    const thread = new Worker(builtFile('src/imports/kineto/trace-thread'), { workerData: data, execArgv: [] })
    try {
      const reading = settledBy<Extract<FromTrace, { type: 'done' }>>("the thread's word or end", (resolve, reject) => {
        thread.on('error', reject)
        thread.on('exit', () => reject(new LayerlineError('internal/import', `${path}: the thread that read it ended`)))
        thread.on('message', (message: FromTrace) => {
          try {
            if (message.type === 'rows') {
              for (const text of message.names) ids.names.push(this.nameId(text))
              for (const text of message.categories) ids.categories.push(numberOf(this.categories, text))
              for (const track of message.tracks) ids.tracks.push(this.trackId(file, track))
              this.append(file, message, ids)
              thread.postMessage({ type: 'taken' } satisfies ToTrace)
            } else if (message.type === 'metadata') {
              // Of the process, whatever thread the line names, if any.
              const key = message.what.startsWith('process_') ? processKey : threadKey
              this.metadata.set(key(file, message.pid, message.what, message.tid), message.value)
            } else if (message.type === 'counters') {
              for (const series of message.series) seriesTracks.push(this.counterTrack(file, series))
              this.appendSamples(file, message.columns, message.rows, seriesTracks)
              thread.postMessage({ type: 'taken' } satisfies ToTrace)
            } else if (message.type === 'flows') {
              for (const track of message.tracks) ids.tracks.push(this.trackId(file, track))
              this.appendFlows(file, message.columns, message.rows, ids.tracks)
              thread.postMessage({ type: 'taken' } satisfies ToTrace)
            } else if (message.type === 'progress') onProgress(message.done, message.total)
            else if (message.type === 'done') resolve(message)
            else
              reject(new LayerlineError(message.code as 'input/import', message.message, { ...hinted(message.hint) }))
          } catch (error) {
            reject(error)
          }
        })
      })
      const done = await unlessAborted(reading, interruption.signal)
      if (done.facts === null) {
        throw new LayerlineError('input/import-format', `${path}: no list of trace events in it`, {
          hint: 'expected JSON with "traceEvents": [ … ], or a list of events, as the PyTorch profiler writes it',
        })
      }
      const { facts, counts, damage } = done
      const rank = this.rankOf(path, facts)
      this.files.push({ path, facts, counts, damage, rank, rows: this.spool.rows - before })
    } finally {
      await endThread(thread, 0)
    }
  }

  /** As the file says, else as its name says, else the first that is free; vLLM's front end has none. */
  private rankOf(path: string, facts: TraceFacts): number | null {
    const name = basename(path)
    if (isFrontEnd(name)) return null
    const named = /rank[-_]?(\d{1,6})/i.exec(name)?.[1]
    const known = facts.rank ?? (named === undefined ? null : Number(named))
    if (known !== null) return known
    const taken = new Set(this.files.map(({ rank }) => rank))
    for (let rank = 0; ; rank++) if (!taken.has(rank)) return rank
  }

  /** Writes what was read; the run can then be finished. */
  async finish(): Promise<void> {
    const implausible = await this.spool.settle(this.files.length)
    const firstUs = await this.spool.firstUs()
    const zeros = this.zeros(firstUs)
    const hasNamedDevices = await this.nameWork()
    const categories = [...this.categories.keys()]
    const work = categories.flatMap((name, i) => (isDeviceWork(name) ? [i] : []))
    const facts = new Map((await this.spool.tracks(zeros, work)).map((each) => [each.track, each]))
    for (const track of this.tracks) {
      const found = facts.get(track.id)
      // All of its slices were removed.
      if (found === undefined) continue
      this.writeTrack(track, found)
      this.run.until(found.lastNs + (zeros[track.file]?.shiftNs ?? 0))
    }
    const overlaps =
      hasNamedDevices || this.files.some(({ counts }) => counts.early > 0) ? await this.overlaps(work) : []
    if (this.spool.rows + this.spool.samples > 0) {
      const rows = await this.spool.write({
        part: this.run.part,
        slicesBefore: this.run.reserveSlices(this.spool.rows),
        categories,
        zeros,
        stepTracks: this.stepTracks(),
      })
      for (const table of ['slices', 'mips', 'links', 'counters'] as const)
        if (rows[table] > 0) this.run.wrote(table, rows[table])
    }
    noteTrace(
      this.run,
      this.files.map((file, i) => {
        const gone = implausible[i] as Implausible
        return {
          ...file,
          rows: file.rows - gone.wildSlices - gone.endless,
          firstUs: firstUs.get(i) ?? null,
          implausible: gone,
          overlaps: overlaps.find((each) => each.file === i) ?? null,
        }
      }),
    )
  }

  close(): void {
    this.spool.close()
  }

  /** Each file's zero, which is its first event, and where that lies in the run. */
  private zeros(firstUs: ReadonlyMap<number, number>): FileZero[] {
    const zeros = this.files.map(({ facts }, file) => {
      const us = firstUs.get(file)
      return us === undefined ? null : { us, unixNs: BigInt(facts.baseTimeNs ?? '0') + BigInt(us) * 1000n }
    })
    const known = zeros.flatMap((zero) => zero?.unixNs ?? [])
    const first = known.length === 0 ? 0n : known.reduce((least, zero) => (zero < least ? zero : least))
    this.zeroNs = this.run.zeroUnixNs(first)
    return zeros.map((zero) =>
      zero === null ? { us: 0, shiftNs: 0 } : { us: zero.us, shiftNs: Number(zero.unixNs - this.zeroNs) },
    )
  }

  /** Ascend's operators have no category: they are recognized by the process they belong to. Whether there are any. */
  private async nameWork(): Promise<boolean> {
    const ascend = this.tracks.filter((track) => track.kind === 'thread' && this.isAscend(track))
    const none = this.categories.get('')
    if (ascend.length === 0 || none === undefined) return false
    const work = numberOf(this.categories, 'kernel')
    for (const { id, tid } of ascend) await this.spool.makeWork(id, Number(tid), { none, work })
    return true
  }

  private isAscend({ file, pid, tid }: TrackOfFile): boolean {
    return this.metadata.get(processKey(file, pid, 'process_name')) === ASCEND && /^\d{1,9}$/.test(tid)
  }

  private async overlaps(work: readonly number[]) {
    const texts = new Map([...this.names].map(([text, id]) => [id, text]))
    const text = (id: number) => texts.get(id) ?? ''
    return (await this.spool.overlaps(work)).map((each) => ({
      ...each,
      names: [text(each.name), text(each.before)] as const,
    }))
  }

  private append(
    file: number,
    message: Extract<FromTrace, { type: 'rows' }>,
    ids: { names: number[]; categories: number[]; tracks: number[] },
  ) {
    const { columns, rows } = message
    const { names, categories, tracks } = ids
    const { name, category, track } = columns
    for (let i = 0; i < rows; i++) {
      name[i] = names[name[i]!]!
      category[i] = categories[category[i]!]!
      track[i] = tracks[track[i]!]!
    }
    const spooled: Columns = { ...columns, file: new Uint16Array(rows).fill(file) }
    this.spool.append(spooled, rows)
  }

  private nameId(text: string): number {
    let id = this.names.get(text)
    if (id === undefined) {
      id = this.run.nameId(text)
      this.names.set(text, id)
    }
    return id
  }

  private trackId(file: number, track: EventTrack): number {
    const id = this.run.trackId()
    this.tracks.push({ ...track, id, file })
    return id
  }

  private counterTrack(file: number, { pid, name, series }: CounterSeries): number {
    const id = this.run.trackId()
    this.run.writers.tracks.append({
      track_id: id,
      layer: KERNEL,
      process: this.processOf(file, pid),
      name: series === 'value' || series === name ? name : `${name} ${series}`,
      clock: this.run.clock,
    })
    return id
  }

  private appendSamples(
    file: number,
    { series, us, ns, value }: CounterColumns,
    rows: number,
    tracks: readonly number[],
  ) {
    for (let i = 0; i < rows; i++) series[i] = tracks[series[i]!]!
    this.spool.appendSamples({ file: new Uint16Array(rows).fill(file), track: series, us, ns, value }, rows)
  }

  private appendFlows(file: number, columns: FlowColumns, rows: number, tracks: readonly number[]) {
    const { from_track, to_track } = columns
    for (let i = 0; i < rows; i++) {
      from_track[i] = tracks[from_track[i]!]!
      to_track[i] = tracks[to_track[i]!]!
    }
    this.spool.appendFlows({ file: new Uint16Array(rows).fill(file), ...columns }, rows)
  }

  private processOf(file: number, pid: string): string {
    const name = this.metadata.get(processKey(file, pid, 'process_name'))
    return name === undefined ? pid : `${pid} ${name}`
  }

  private writeTrack(track: TrackOfFile, facts: TrackFacts): void {
    const { id, file, pid, tid, kind } = track
    const { rank, facts: said, path } = this.files[file] as (typeof this.files)[number]
    const gpu = facts.gpu
    const steps = kind === 'steps'
    const threadName = kind === 'async' ? tid : this.metadata.get(threadKey(file, pid, 'thread_name', tid))
    const known = threadName === undefined || threadName.includes(tid)
    const gpuName = `GPU ${pid}${said.devices[pid] === undefined ? '' : ` ${said.devices[pid]}`}`
    const device = !gpu ? null : this.isAscend(track) ? ASCEND : /^\d+$/.test(pid) ? gpuName : null
    this.run.writers.tracks.append({
      track_id: id,
      layer: steps ? ENGINE : KERNEL,
      host: said.host,
      process: this.processOf(file, pid),
      thread: known ? (threadName ?? tid) : `${tid} ${threadName}`,
      device,
      name: steps ? 'engine_steps' : gpu ? 'gpu_stream' : kind === 'async' ? 'async_spans' : 'cpu_thread',
      unit: 'ns',
      clock: this.run.clock,
      attrs: JSON.stringify({
        source: basename(path),
        // What the file's own clock says at the run's zero.
        zero_us: Number(this.zeroNs - BigInt(said.baseTimeNs ?? '0')) / 1000,
        ...(rank === null ? {} : { rank }),
        ...(gpu ? { stream: facts.stream } : {}),
      }),
    })
  }

  private stepTracks(): Map<number, number> {
    const steps = new Map(
      this.tracks
        .filter((track) => track.kind === 'steps')
        .map(({ file, pid, tid, id }) => [[file, pid, tid].join('\n'), id]),
    )
    return new Map(
      this.tracks.flatMap(({ file, pid, tid, id, kind }) => {
        if (kind === 'async') return []
        const step = steps.get([file, pid, tid].join('\n'))
        return step === undefined ? [] : [[id, step] as const]
      }),
    )
  }
}

const KERNEL = codeOf(LAYERS, 'kernel')
const ENGINE = codeOf(LAYERS, 'engine')

/** The process under which torch_npu lists what ran on an Ascend device; its threads are streams. */
const ASCEND = 'Ascend Hardware'

function processKey(file: number, pid: string, what: string, _tid?: string): string {
  return [file, pid, what].join('\n')
}

function threadKey(file: number, pid: string, what: string, tid: string): string {
  return [file, pid, tid, what].join('\n')
}

function numberOf(known: Map<string, number>, text: string): number {
  const number = known.get(text) ?? known.size
  known.set(text, number)
  return number
}

function hinted(hint: string | undefined) {
  return hint === undefined ? {} : { hint }
}

/** vLLM's API server has a profile of its own, beside the ranks'. */
export function isFrontEnd(fileName: string): boolean {
  return fileName.includes('async_llm')
}
