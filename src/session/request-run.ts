import { analyseRun } from '../analysis/analyse-run.ts'
import type { Report } from '../analysis/report.ts'
import type { SloLimit } from '../analysis/slo/slo.ts'
import { closeAll } from '../base/close-all.ts'
import { safeUrl } from '../config/without-secrets.ts'
import { startHostSampler } from '../sources/host/host-sampler.ts'
import { hostProvenance } from '../sources/host/provenance.ts'
import { findListener } from '../sources/host/same-host.ts'
import { isOsSource, type OsSource } from '../sources/os/os-source.ts'
import type { ClientTotals } from '../sources/requests/client.ts'
import type { ServerInfo } from '../sources/requests/probe.ts'
import type { Target } from '../sources/requests/target.ts'
import type { PreparedSource } from '../sources/source.ts'
import { openRun } from '../store/read/open-run.ts'
import type { SealProgress } from '../store/seal/seal.ts'
import type { EngineProvenance, RunPlan } from '../trace/run-json.ts'
import { Certifier } from './certify/certifier.ts'
import { type ClientSideView, startClientSide } from './client-side.ts'
import { type LatestCounter, LatestCounters } from './live/latest-counters.ts'
import { OfferGate } from './live/offer-gate.ts'
import { pauseTrack } from './live/pause-track.ts'
import type { Tally } from './live/tally.ts'
import type { Offerer, OfferProgress } from './offer.ts'
import { readProfile } from './read-profile.ts'
import { Recording } from './recording.ts'
import { sourceContext } from './source-context.ts'
import type { StopSignal } from './stop-signal.ts'

export interface RequestRunOptions {
  command: string
  out: string | undefined
  parent?: string | undefined
  config: Record<string, unknown>
  sampling: Record<string, unknown>
  seed: number
  target: Target
  server: ServerInfo
  model: string
  /** What is known of a managed engine; if absent, it is found out. */
  engine?: Partial<EngineProvenance>
  sampleMs: number
  keepTexts: boolean
  keepTokenIds: boolean
  /** Decides which request goes out when. */
  offerer: Offerer
  /** What run.json keeps of a schedule. */
  plan?: RunPlan | null
  /** The sources besides the requests: stopped here in any case. */
  sources?: readonly PreparedSource[]
  /** Limits that the report compares the requests with. */
  slo?: readonly SloLimit[]
  /**
   * Each layer is switched off and on in blocks of this many seconds, to see what it costs; null or absent: none is.
   */
  certify?: number | null
  /** Requests of the whole schedule; null where the answers decide. */
  plannedRequests: number | null
}

/** What can be read, cheaply and at any time, during a run. Times are ns since the run's epoch. */
export interface RunProbe {
  now(): number
  totals(): ClientTotals
  inFlight(): number
  /** How far a schedule is; null in a closed loop over a list. */
  progress(): OfferProgress | null
  /** The last value of every track that a source writes. */
  counters(): readonly Readonly<LatestCounter>[]
  /** What the kernel's view has counted; null for a run without. */
  readonly os: Pick<OsSource, 'probed' | 'counts' | 'totals'> | null
  /** Pauses and resumes the offering of requests; a slice of the run says when it was paused. */
  readonly gate: Pick<OfferGate, 'paused' | 'pausedNs' | 'pause' | 'resume'>
}

/** Called for what happens during a run. */
export interface RequestRunView extends ClientSideView {
  started?(folder: string): void
  /** The first request is about to be offered. */
  running?(probe: RunProbe): void
  sealing?(progress: SealProgress): void
  /** Its rows are in files; the report is being made. */
  analysing?(): void
  /** What another process of the run has counted since its last report. */
  merged?(tally: Tally): void
  /** A layer that is off, and why. */
  note?(text: string): void
}

export interface RequestRun {
  folder: string
  report: Report
  /** The run was ended early by a signal. */
  interrupted: boolean
}

/** One run of requests from its folder to its seal: client, the machine beside it, drain, seal, verdict. */
export async function runRequests(
  options: RequestRunOptions,
  stop: StopSignal,
  view: RequestRunView,
): Promise<RequestRun> {
  try {
    return await recordRequests(options, stop, view)
  } finally {
    await stopAll(options.sources)
  }
}

async function recordRequests(options: RequestRunOptions, stop: StopSignal, view: RequestRunView): Promise<RequestRun> {
  const { target, server, model } = options
  const listener = await findListener(server.address, target.port)
  const engine: EngineProvenance = {
    url: safeUrl(target.url),
    server: server.server,
    version: server.version,
    arguments: null,
    model,
    model_sha256: null,
    tokenizer_sha256: null,
    max_model_len: server.models.find(({ id }) => id === model)?.max_model_len ?? null,
    same_host: listener.sameHost,
    pid: listener.pid,
    ...options.engine,
  }
  const { command, out, parent, config, sampling, seed } = options
  await using recording = await Recording.start(
    {
      command,
      out,
      parent,
      config: {
        ...config,
        insecure: target.insecure,
        ...(server.notes === undefined ? {} : { server_notes: server.notes }),
      },
      sampling,
      seed,
      hosts: [hostProvenance()],
      engine,
      plannedRequests: options.plannedRequests,
      loop: options.offerer.loop,
      plan: options.plan ?? null,
    },
    () => stop.advance('cut'),
  )
  view.started?.(recording.folder)
  let failure: unknown = null
  try {
    await offerAll(options, engine, recording, stop, view)
  } catch (error) {
    failure = error
  }
  const say = (text: string): void => view.note?.(text)
  for (const { captured } of options.sources ?? []) {
    if (captured != null) await readProfile(recording, captured, say)
  }
  const facts = options.offerer.facts?.()
  if (facts !== undefined) recording.amend((run) => ({ ...run, plan: run.plan && { ...run.plan, ...facts } }))
  // What was recorded until then is a valid run, with its verdict.
  const run = await conclude(recording, stop, view, options.slo, failure === null ? null : 'failure')
  if (failure !== null) throw failure
  return run
}

/** Starts the sources, has all requests offered, and ends the sources again, whatever fails. */
async function offerAll(
  options: RequestRunOptions,
  engine: EngineProvenance,
  recording: Recording,
  stop: StopSignal,
  view: RequestRunView,
): Promise<void> {
  const { target, server, seed } = options
  const latest = view.running === undefined ? null : new LatestCounters(recording.store.writers)
  const writers = { ...recording.store.writers, ...latest?.writers }
  const { clock, nextTrackId } = recording
  const processes = [
    { pid: process.pid, role: 'client' as const },
    ...(engine.pid === null ? [] : [{ pid: engine.pid, role: 'engine' as const }]),
  ]
  const closings: (() => unknown)[] = []
  try {
    const sampler = await startHostSampler(
      { clock, trackIds: nextTrackId, periodMs: options.sampleMs, processes, serverPort: target.port },
      writers,
    )
    closings.push(
      () => sampler.stop(),
      () => stopAll(options.sources),
    )
    if (sampler.problem !== null) view.note?.(sampler.problem)
    const gate = new OfferGate(clock.now, pauseTrack(recording))
    stop.onChange(() => gate.resume())
    const side = startClientSide(
      {
        target,
        server,
        runId: recording.runId,
        shard: 0,
        keepTexts: options.keepTexts,
        keepTokenIds: options.keepTokenIds,
        retries: options.plan?.retries ?? 0,
        clock,
        trackIds: nextTrackId,
      },
      writers,
      gate,
      stop,
      view,
    )
    closings.unshift(() => side.close())
    const context = { ...sourceContext(recording, (text) => view.note?.(text)), writers }
    await Promise.all((options.sources ?? []).map((source) => source.start(context)))
    for (const { problem } of options.sources ?? []) if (problem !== null) view.note?.(problem)
    if (options.certify != null) {
      const layers = [sampler, ...(options.sources ?? [])]
      const toggles = layers.flatMap(({ toggle }) => toggle ?? [])
      const certifier = new Certifier(context, toggles, { seed, blockS: options.certify })
      closings.unshift(() => certifier.stop())
    }
    const { offerer } = options
    view.running?.({
      now: clock.now,
      totals: () => offerer.progress?.() ?? side.client.totals,
      inFlight: () => offerer.progress?.()?.inFlight ?? side.client.inFlight,
      progress: () => offerer.progress?.() ?? null,
      counters: () => latest?.all ?? [],
      os: options.sources?.find(isOsSource) ?? null,
      gate,
    })
    await offerer.offer(side, {
      folder: recording.folder,
      runId: recording.runId,
      addShards: (shards) => recording.amend((run) => ({ ...run, shards: [...run.shards, ...shards] })),
      countDropped: (dropped) => recording.countDropped(dropped),
      noteUncommitted: (ms) => recording.noteUncommitted(ms),
      merged: (tally) => view.merged?.(tally),
    })
  } finally {
    await closeAll(closings)
  }
}

async function stopAll(sources: readonly PreparedSource[] = []): Promise<void> {
  const ended = await Promise.allSettled(sources.map((source) => source.stop()))
  const failed = ended.find((each) => each.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function conclude(
  recording: Recording,
  stop: StopSignal,
  view: RequestRunView,
  slo: readonly SloLimit[] | undefined,
  failed: 'failure' | null,
): Promise<RequestRun> {
  if (recording.failure !== null) throw recording.failure
  await recording.finish(failed ?? (stop.stage === 'running' ? 'done' : 'signal'), (progress) =>
    view.sealing?.(progress),
  )
  const reader = await openRun(recording.folder)
  try {
    view.analysing?.()
    const report = await analyseRun(reader, slo === undefined ? {} : { slo })
    recording.conclude(report)
    return { folder: recording.folder, report, interrupted: stop.stage !== 'running' }
  } finally {
    await reader.close()
  }
}
