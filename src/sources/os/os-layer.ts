import { existsSync, realpathSync } from 'node:fs'
import { type AlignedTimer, everyAligned } from '../../base/aligned-timer.ts'
import { abortForMany } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { CERTIFY_GAP } from '../../trace/certify.ts'
import { BootClock, monotonicNs } from './clock/boot-clock.ts'
import { isLibrary, librariesFor } from './libraries.ts'
import type { OsCount, OsOptions, OsSink, OsTrack } from './os-messages.ts'
import { splitComm } from './output/ndjson.ts'
import { Program } from './program.ts'
import { countKey } from './rows/count-rows.ts'
import { LoadStory } from './rows/load-story.ts'
import { gpuDescriptors, mappedFiles, Processes, processStartNs, threadsOf, withDescendants } from './rows/processes.ts'
import { SILENT } from './runner/bpftrace-errors.ts'
import { tryProbes } from './runner/try-probes.ts'
import { composeScript, type FoundLibrary } from './script/compose.ts'
import { type ProbeFile, readProbeFile } from './script/probe-file.ts'

/** Threads that a script can be given at its start; others are learnt when they leave their CPU. */
const MOST_THREADS = 2000
const CLOCK_LOOK_MS = 30_000
/** Libraries of new processes are looked for this often … */
const LIBRARY_LOOK_MS = 300
/** … while the layer is so young or a process has just begun, or after an opening of one; then every so many looks. */
const YOUNG_LOOKS = 200
const OLD_EVERY = 20
/** The file whose probes report opened files. */
const OPENINGS = 'load'
/** Events whose line has another text after the name of the thread. */
const WITH_TEXT = ['open', 'exec', 'gpu_open']

/**
 * The kernel's view of a target, by bpftrace: one process of it for the kernel's own probes, and one for each library of
 * the target whose functions are probed.
 */
export class OsLayer {
  /** Probe files that could not be attached, with why. */
  readonly missing: { readonly file: string; readonly error: LayerlineError }[] = []
  readonly options: OsOptions
  readonly sink: OsSink
  readonly processes = new Processes()
  private programs: Program[] = []
  /** Files that were attached at any time, and what programs that have ended counted. */
  private readonly attachedFiles = new Set<string>()
  private readonly pastCounts = new Map<string, OsCount>()
  readonly clock: BootClock
  private readonly load: LoadStory
  private readonly starts = new Map<number, number | null>()
  /** Processes of the target that live, and all there ever were. */
  private readonly known = new Set<number>()
  private readonly ever = new Set<number>()
  private readonly attachedLibraries = new Set<string>()
  /**
   * The probes to attach, and which of them go into libraries. Read once, however often probes are switched on again.
   */
  private files: readonly ProbeFile[] = []
  private libraryFiles: readonly ProbeFile[] = []
  private clockTimer: NodeJS.Timeout | undefined
  private libraryTimer: AlignedTimer | undefined
  private looks = 0
  /** Extra looks after a file was opened: at the first it may not be mapped yet. */
  private looksAsked = 0
  private segments: number | null = null
  private beganNs = 0
  private stopped = false
  /** Ends what is still being attached. */
  readonly abort = abortForMany()
  readonly onGroup = (pid: number, isOver: boolean): void => this.sink.child?.(pid, isOver)
  /** When its probes were switched off; null while they are on. */
  private pausedNs: number | null = null
  private detaching = false
  private otherPids = false
  private gaps: number | null = null
  private readonly onCpuTracks = new Map<number, number>()

  constructor(options: OsOptions, sink: OsSink) {
    this.options = options
    this.sink = sink
    this.clock = new BootClock((clock) => sink.clock(clock))
    this.load = new LoadStory(
      sink,
      this.processes,
      (pid) => this.startOf(pid),
      () => this.beganNs,
    )
  }

  /** Resolves when all probes that work here are attached; throws where none of the kernel's own does. */
  async start(): Promise<void> {
    const { target, files } = this.options
    this.beganNs = monotonicNs()
    this.files = files.map(readProbeFile)
    this.libraryFiles = this.files.filter(({ libraries }) => libraries.length > 0)
    await this.attachAll(target.kind === 'processes' ? target.pids : [])
  }

  private async attachAll(roots: readonly number[]): Promise<void> {
    const pids = withDescendants(roots)
    for (const pid of pids) this.meet(pid)
    const works = (file: ProbeFile) => !this.missing.some((each) => each.file === file.name)
    const kernel = [readProbeFile('follow'), ...this.files.filter((file) => file.libraries.length === 0 && works(file))]
    const found = [...this.options.libraries, ...pids.flatMap(mappedFiles)]
    // The clock does not wait for libraries: those of an engine take seconds.
    const led = this.attachKernel(kernel, pids).then(() => this.clock.look())
    await Promise.all([led, this.attachLibraries([...new Set(found)], pids)])
    this.clockTimer = setInterval(() => this.clock.look(), CLOCK_LOOK_MS)
    this.libraryTimer = everyAligned(LIBRARY_LOOK_MS, () => this.lookForLibraries())
  }

  /** Switches off all probes until `resume`: counts then continue where they were. */
  async pause(): Promise<void> {
    if (this.stopped || this.pausedNs !== null) return
    this.pausedNs = monotonicNs()
    await this.detachAll()
    this.attachedLibraries.clear()
  }

  /**
   * Switches the probes on again, on the living processes of the target and its children; throws if none can be
   * attached.
   */
  async resume(): Promise<void> {
    if (this.stopped || this.pausedNs === null) return
    const sinceNs = this.pausedNs
    await this.attachAll([...this.known].filter((pid) => existsSync(`/proc/${pid}`)))
    this.pausedNs = null
    this.gap(sinceNs, monotonicNs(), CERTIFY_GAP)
  }

  private async detachAll(): Promise<void> {
    clearInterval(this.clockTimer)
    this.libraryTimer?.clear()
    this.detaching = true
    const led = Promise.all(this.programs.filter(({ leads }) => leads).map((program) => program.stop()))
    await Promise.all([led, ...this.programs.filter(({ leads }) => !leads).map((program) => program.stop(led))])
    this.detaching = false
    for (const program of this.programs) addCounts(this.pastCounts, program.counts())
    this.programs = []
  }

  /** Reads the last counts and ends every bpftrace. */
  async stop(): Promise<void> {
    if (this.stopped) return
    this.stopped = true
    this.abort.abort()
    await this.detachAll()
    if (this.pausedNs !== null) this.gap(this.pausedNs, monotonicNs(), CERTIFY_GAP)
    this.load.end()
    if (this.attachedFiles.size > 0) this.tellProbes()
    if (this.load.cutPaths > 0)
      this.sink.note(`os: ${this.load.cutPaths} paths were longer than a probe can hold and are cut off`)
  }

  isLed(): boolean {
    return this.detaching || this.programs.some((program) => program.follows)
  }

  ledTo(tNs: number): void {
    for (const program of this.programs) program.release(tNs)
  }

  /** The target's living processes, if the probes follow them; null if nothing does. */
  followed(): readonly number[] | null {
    const isFollowed = this.options.target.kind === 'processes' && !this.otherPids
    return isFollowed && this.isLed() ? [...this.known] : null
  }

  /** Counts by process and name of the thread, so far. */
  counts(): OsCount[] {
    const now = this.programs.flatMap((program) => program.counts())
    if (this.pastCounts.size === 0) return now
    const all = new Map(this.pastCounts)
    addCounts(all, now)
    return [...all.values()]
  }

  private meet(pid: number): void {
    this.known.add(pid)
    this.ever.add(pid)
  }

  private async attachKernel(files: readonly ProbeFile[], pids: readonly number[]): Promise<void> {
    try {
      await this.attach(files, pids)
      return
    } catch (error) {
      // A file that cannot be read has no parts either.
      if (!(error instanceof LayerlineError) || error.code === SILENT || this.abort.signal.aborted) throw error
      const { signal } = this.abort
      const trials = await inTurn(files, (file) => tryProbes(file, { signal, onGroup: this.onGroup }))
      const working = trials.filter(({ problem }) => problem === null).map(({ file }) => file)
      const follow = trials[0]?.problem ?? null
      if (follow !== null || working.length <= 1) throw follow ?? error
      for (const { file, problem } of trials)
        if (problem !== null) this.missing.push({ file: file.name, error: problem })
      await this.attach(working, pids)
    }
  }

  private async attachLibraries(paths: readonly string[], pids: readonly number[]): Promise<void> {
    // A library may appear by a link and by its own name: probed twice it would count twice.
    const probed = paths.filter((path) => this.isProbed(path) && existsSync(path))
    const real = [...new Set(probed.map((path) => realpathSync(path)))]
    await Promise.all(
      this.libraryFiles.map(async (file) => {
        const fresh = real.filter((path) => !this.attachedLibraries.has(`${file.name} ${path}`))
        const libraries = librariesFor(file, fresh)
        if (libraries.length === 0) return
        for (const { path } of libraries) this.attachedLibraries.add(`${file.name} ${path}`)
        try {
          await this.attach([file], pids, libraries)
        } catch (error) {
          if (!(error instanceof LayerlineError)) throw error
          this.missing.push({ file: file.name, error })
          this.sink.note(`os: ${file.name}: ${error.message}`)
        }
      }),
    )
  }

  /**
   * Functions of a library are probed in every process that has it, and what others did is dropped here: a process that the
   * target makes while the probes are attached would be missed otherwise.
   */
  private async attach(
    files: readonly ProbeFile[],
    pids: readonly number[],
    libraries?: readonly FoundLibrary[],
  ): Promise<void> {
    const { target, tickMs, eventsPerSecond, ports, window } = this.options
    const ofLibrary = libraries !== undefined
    const threads = pids.flatMap((pid) => threadsOf(pid).map((tid) => ({ pid, tid }))).slice(0, MOST_THREADS)
    const script = composeScript(files, {
      target: target.kind !== 'processes' ? target : ofLibrary ? { kind: 'system' } : { ...target, pids },
      threads,
      ports,
      gpuDescriptors: pids.flatMap(gpuDescriptors),
      reader: process.pid,
      tickMs,
      eventsPerSecond,
      ...(window === undefined ? {} : { window }),
      ...(libraries === undefined ? {} : { libraries }),
    })
    const isOurs = ofLibrary && target.kind === 'processes' ? (pid: number) => this.ever.has(pid) : () => true
    const program = new Program(this, { files, script, leads: !ofLibrary, isOurs })
    this.programs.push(program)
    try {
      await program.ready
      for (const { name } of files) this.attachedFiles.add(name)
    } catch (error) {
      // Detached before it was attached.
      if (this.detaching) return
      this.programs.splice(this.programs.indexOf(program), 1)
      throw error
    }
  }

  private isProbed(path: string): boolean {
    return this.libraryFiles.some(({ libraries }) => libraries.some(({ name }) => isLibrary(path, name)))
  }

  /**
   * Engines load their libraries as they start: from then on their functions can be probed. Maps are long, and reading
   * them delays the process they belong to: if opened files are reported, maps are read only after a library was
   * opened.
   */
  private lookForLibraries(): void {
    if (this.libraryFiles.length === 0) return
    const looks = ++this.looks
    const isTold = this.attachedFiles.has(OPENINGS)
    const isDue = isTold ? this.looksAsked > 0 : looks <= YOUNG_LOOKS
    if (!isDue && looks % OLD_EVERY !== 0) return
    this.looksAsked = Math.max(0, this.looksAsked - 1)
    const alive = [...this.known].filter((pid) => existsSync(`/proc/${pid}`))
    const paths = [...new Set(alive.flatMap(mappedFiles))]
    void this.attachLibraries(paths, alive)
  }

  /** A process's start on the monotonic clock, ns; null where it was gone already. */
  startOf(pid: number): number | null {
    let start = this.starts.get(pid)
    if (start === undefined) {
      start = processStartNs(pid, monotonicNs())
      this.starts.set(pid, start)
    }
    return start
  }

  /** Data arrived at a client's port, on this machine. */
  private segment(port: number, tNs: number, bytes: number): void {
    this.segments ??= this.sink.track({
      ...{ name: 'segments', unit: 'bytes', process: null, processStartNs: null, thread: null, device: null },
      attrs: { source: 'bpf/arrivals.bt', kind: 'instants', of: 'machine' },
    })
    this.sink.slice({ track: this.segments, tNs, durNs: 0, name: `port ${port}`, category: 'segment', bytes })
  }

  /** bpftrace counts the machine's pids; this process sees those of its container, and the two may differ. */
  private checkPids(from: number): void {
    if (from === process.pid || this.otherPids) return
    this.otherPids = true
    this.sink.note(`os: pids here are a container's own and no probe knows them: run the container with --pid=host`)
  }

  /** A track without rows that says which probes looked, and which could not. */
  private tellProbes(): void {
    const missing = this.missing.map(({ file, error }) => ({ file, why: error.message }))
    this.machineTrack('probes', { source: 'bpftrace', kind: 'instants', attached: [...this.attachedFiles], missing })
  }

  private machineTrack(name: string, attrs: OsTrack['attrs']): number {
    const none = { process: null, processStartNs: null, thread: null, device: null }
    return this.sink.track({ name, unit: 'ns', ...none, attrs })
  }

  private onCpu(pid: number, tid: number, tNs: number, durNs: number, cpu: number): void {
    let track = this.onCpuTracks.get(tid)
    if (track === undefined) {
      const of = {
        process: this.processes.process(pid),
        processStartNs: this.startOf(pid),
        thread: this.processes.thread(pid, tid),
      }
      track = this.sink.track({
        name: 'on_cpu',
        unit: 'ns',
        ...of,
        device: null,
        attrs: { source: 'bpf/oncpu.bt', kind: 'spans' },
      })
      this.onCpuTracks.set(tid, track)
    }
    this.sink.slice({ track, tNs, durNs, name: `CPU ${cpu}`, category: 'on_cpu' })
  }

  /** A time of which nothing, or not when, is known. */
  gap(fromNs: number, toNs: number, why: string): void {
    this.gaps ??= this.machineTrack('gaps', { source: 'bpftrace', kind: 'spans' })
    this.sink.slice({ track: this.gaps, tNs: fromNs, durNs: Math.max(0, toNs - fromNs), name: why, category: 'gap' })
  }

  /** An event of any program. */
  event(name: string, fields: Readonly<Record<string, number>>, text: string): void {
    const { t: bootNs = 0, pid = 0, tid = pid, fd = -1, dur_ns: durNs = 0, bytes = 0 } = fields
    const tNs = this.clock.toMonotonic(bootNs)
    // By the probe itself: a thread may be gone before its name could be read.
    const { comm, rest } = WITH_TEXT.includes(name) ? splitComm(text) : { comm: text, rest: '' }
    const tell = (syscall: string, more: Record<string, string | number> = {}): void =>
      this.sink.event({ pid, tid, comm: comm === '' ? this.processes.comm(pid, tid) : comm, syscall, tNs, ...more })
    if (name === 'forward') {
      this.load.forward(pid, tNs, 'dur_ns' in fields ? durNs : null)
      tell('forward')
    } else if (name === 'clock') this.checkPids(fields.from ?? 0)
    else if (name === 'on_cpu') this.onCpu(pid, tid, tNs, durNs, fields.cpu ?? 0)
    else if (name === 'fork') {
      this.meet(fields.child ?? 0)
      this.processes.forked(fields.child ?? 0, text)
    } else if (name === 'exec') {
      this.meet(pid)
      this.looks = 0
      this.processes.ran(pid, rest)
      this.load.ran(pid, tNs, rest)
      tell('execve', { path: rest })
    } else if (name === 'open') {
      if (rest.includes('.so') && this.isProbed(rest)) this.looksAsked = 2
      const path = this.load.opened(pid, fd, tNs, durNs, rest)
      tell('openat', { path, fd, duration_ns: durNs })
    } else if (name === 'map') {
      const path = this.load.mapped(pid, fd, tNs, durNs, bytes)
      tell('mmap', { path, fd, bytes, duration_ns: durNs })
    } else if (name === 'gpu_open') {
      // If opened files are reported, it is one of them.
      if (!this.attachedFiles.has(OPENINGS)) tell('openat', { path: rest })
    } else if (name === 'segment') this.segment(fields.port ?? 0, tNs, bytes)
    else if (name === 'mlock') tell('mlock', { bytes })
    else if (name === 'exit' && pid === tid) {
      this.known.delete(pid)
      tell('exit')
    }
  }
}

function addCounts(all: Map<string, OsCount>, counts: readonly OsCount[]): void {
  for (const each of counts) {
    const key = countKey(each)
    all.set(key, { ...each, value: each.value + (all.get(key)?.value ?? 0) })
  }
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
