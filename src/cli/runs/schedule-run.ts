import { randomInt } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { parseSlo } from '../../analysis/slo/slo.ts'
import { EXIT, type ExitCode, LayerlineError } from '../../base/errors.ts'
import { loadSettings, type Settings } from '../../config/settings.ts'
import { safeUrl, withoutSecrets } from '../../config/without-secrets.ts'
import { checkOpenFiles } from '../../session/file-limit.ts'
import { chooseModel } from '../../session/model-choice.ts'
import type { Offerer } from '../../session/offer.ts'
import type { ArrivalPlanOptions } from '../../session/open-loop/arrival-plan.ts'
import { checkResumed, type ResumePoint, resumePoint } from '../../session/open-loop/resume.ts'
import type { Shard } from '../../session/open-loop/shard.ts'
import { promptsForArrivals } from '../../session/prompts-for-arrivals.ts'
import { rehearse } from '../../session/rehearsal/rehearse.ts'
import { type RequestRun, type RequestRunOptions, runRequests } from '../../session/request-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { WorkerFleet } from '../../session/workers/worker-fleet.ts'
import { WorkerLink } from '../../session/workers/worker-link.ts'
import { probeServer, type ServerInfo } from '../../sources/requests/probe.ts'
import { abilitiesOf } from '../../sources/requests/server-kinds.ts'
import type { Target } from '../../sources/requests/target.ts'
import type { RunPlan } from '../../trace/run-json.ts'
import type { ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { prepareSources } from '../from-options/hardware-options.ts'
import { samplingFrom } from '../from-options/request-options.ts'
import { targetFrom } from '../from-options/target-options.ts'
import type { SCHEDULE_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'
import { busy } from '../views/busy.ts'
import { liveView } from '../views/live-view.ts'
import { printReport } from '../views/print-report.ts'
import { scheduleView } from '../views/schedule-view.ts'

export type ScheduleOptions = OptionValues<(typeof SCHEDULE_OPTIONS)[number]>

/** What a command needs to know before it can say what it offers. */
export interface ScheduleContext {
  readonly settings: Settings
  readonly target: Target
  readonly server: ServerInfo
  readonly model: string
  readonly maxModelLen: number | null
  readonly seed: number
}

/** All of a schedule, or what one of several processes offers of it. */
export interface OfferingPart {
  readonly shard?: Shard
  readonly start?: () => Promise<number>
  readonly from?: number
  readonly skip?: ReadonlySet<number>
}

/** What a command offers. */
export interface Offering {
  readonly schedule: ArrivalSchedule
  readonly loop: Offerer['loop']
  /** The offerer of a part, once it is known what its requests have in common. */
  offerer(common: ArrivalPlanOptions, part: OfferingPart): Offerer
  readonly plan: Partial<RunPlan>
  /** Requests per second of an open loop, where they are known. */
  readonly perSecond?: number | undefined
  /** Settings of the command itself, for run.json. */
  readonly config: Record<string, unknown>
  close?(): Promise<void>
}

const MOST_WORKERS = 64

/** Asks the server, opens what is offered, runs it, and prints its report. As a worker: offers one shard of it. */
export async function runSchedule(
  command: string,
  options: ScheduleOptions,
  open: (context: ScheduleContext) => Promise<Offering>,
): Promise<ExitCode> {
  const link = await WorkerLink.open()
  if (link === null) {
    const { run, exit } = await runWhole(command, options, open)
    if (options.json) process.stdout.write(`${JSON.stringify(run.report, null, 2)}\n`)
    else if (!options.quiet) printReport(run.report, run.folder)
    whereRun(run.folder, options)
    return exit
  }
  try {
    await runShard(link, options, open)
    return EXIT.done
  } catch (error) {
    await WorkerLink.failed(error)
    return EXIT.internal
  } finally {
    WorkerLink.close()
  }
}

async function runShard(
  link: WorkerLink,
  options: ScheduleOptions,
  open: (context: ScheduleContext) => Promise<Offering>,
): Promise<void> {
  const { seed, server, shard } = link.task
  const resumed = await resumedFrom(options)
  const context = await contextOf(options, () => Promise.resolve(server), seed)
  const offering = await open(context)
  try {
    const common = await commonOf(options, context)
    await rehearse()
    await link.run({
      target: context.target,
      keepTexts: options.texts || options['token-ids'],
      keepTokenIds: options['token-ids'],
      retries: options.retries ?? 0,
      offerer: (start) => offering.offerer(common, { ...resumed?.part, shard, start }),
    })
  } finally {
    await offering.close?.()
  }
}

/** One run of a schedule, to its end, its report not printed. */
export async function runWhole(
  command: string,
  options: ScheduleOptions,
  open: (context: ScheduleContext) => Promise<Offering>,
): Promise<{ run: RequestRun; exit: ExitCode }> {
  checkSchedule(options)
  const resumed = await resumedFrom(options)
  const context = await busy(process.stderr, options.quiet, 'asking the server', () =>
    probedContext(options, resumed?.point.seed),
  )
  const { target, model } = context
  const offering = await busy(process.stderr, options.quiet, 'preparing the schedule', () => open(context))
  const { schedule } = offering
  if (resumed !== null) checkResumed(resumed.point, schedule)
  const files = filesNote(offering, options)
  const stop = new StopSignal().install()
  const live = await liveView({
    command,
    subject: `${safeUrl(target.url)} · ${model}`,
    plannedRequests: plannedOf(offering, resumed),
    stop,
    options,
    quiet: options.quiet,
  })
  const view = scheduleView(live, options)
  try {
    if (target.insecure) process.stderr.write('layerline: --insecure: the server certificate is not checked\n')
    const common = await stop.unlessStopped(commonOf(options, context))
    const unread = [...(context.server.notes ?? []), ...files]
    for (const note of [...unread, ...schedule.notes, ...common.prompts.notes]) view.say(note)
    if (resumed !== null) view.say(`continues ${resumed.point.runId} at request ${resumed.point.from}`)
    const offered = { command, options, context, offering, common, resumed }
    const run = await runRequests(await stop.unlessStopped(requestRunOf(offered), endSources), stop, view)
    const { requests, ok } = run.report.offered
    const exit = run.interrupted ? EXIT.interrupted : requests > 0 && ok === 0 ? EXIT.badVerdict : EXIT.done
    return { run, exit }
  } finally {
    view.done()
    stop.release()
    await offering.close?.()
  }
}

/** A schedule that is about to be offered, in a run of its own. */
export interface OfferedSchedule {
  command: string
  options: ScheduleOptions
  context: ScheduleContext
  offering: Offering
  common: ArrivalPlanOptions
  /** The run that it resumes; null: none. */
  resumed: Resumed | null
  /** What workers are called with, where that is not what this process was. */
  commandLine?: readonly string[]
}

/** The run of a schedule. Its sources are started last: `runRequests` ends them. */
export async function requestRunOf(given: OfferedSchedule): Promise<RequestRunOptions> {
  const { command, options, context, offering, common, resumed, commandLine = null } = given
  const { settings, target, server, model, seed } = context
  const { schedule, plan } = offering
  const workers = workersOf(options.workers)
  if (plan.max_in_flight != null && workers > plan.max_in_flight) {
    throw new LayerlineError(
      'usage/arguments',
      `--workers ${workers}: more than the ${plan.max_in_flight} requests in flight that they share`,
      { hint: 'each worker needs one at least' },
    )
  }
  const planned = plannedOf(offering, resumed)
  if (workers === 1) await rehearse()
  return {
    command,
    out: options.out,
    parent: settings.get('traceDir'),
    config: {
      settings: withoutSecrets(settings),
      stream: !options['no-stream'],
      texts: options.texts,
      ...(options.certify === undefined ? {} : { certify_block_s: options.certify }),
      ...offering.config,
    },
    sampling: { ...common.sampling, seed: `${seed} + request_id` },
    seed,
    target,
    server,
    model,
    sampleMs: settings.get('sampleMs'),
    keepTexts: options.texts || options['token-ids'],
    keepTokenIds: options['token-ids'],
    plannedRequests: planned,
    offerer:
      workers === 1
        ? offering.offerer(common, { ...resumed?.part })
        : new WorkerFleet({ loop: offering.loop, workers, seed, server, planned, commandLine }),
    plan: {
      ...NO_PLAN,
      ...plan,
      schedule: { ...schedule.provenance },
      prompts: { ...common.prompts.provenance },
      retries: options.retries ?? 0,
      workers,
      resumed_from: resumed?.point.runId ?? null,
      first_request: resumed?.point.from ?? 0,
      offered_before: [...(resumed?.point.skip ?? [])],
    },
    ...(options.slo === undefined ? {} : { slo: parseSlo(options.slo) }),
    sources: await prepareSources(settings),
    certify: options.certify ?? null,
  }
}

/** What is to be known of the open files that a load needs. Throws `missing/open-files` where it cannot have them. */
export function filesNote({ plan, schedule, perSecond }: Offering, { workers }: ScheduleOptions): string[] {
  const note = checkOpenFiles({
    inFlight: plan.max_in_flight ?? null,
    perSecond: perSecond ?? null,
    requests: schedule.total,
    workers: workersOf(workers),
  })
  return note === null ? [] : [note]
}

/** What was made ready for a run that is not to be. */
export async function endSources({ sources = [] }: RequestRunOptions): Promise<void> {
  await Promise.all(sources.map((source) => source.stop()))
}

function plannedOf({ schedule }: Offering, resumed: Resumed | null): number | null {
  return schedule.total === null ? null : schedule.total - (resumed?.before ?? 0)
}

/** The context, with the server asked. */
export function probedContext(options: ScheduleOptions, seed?: number): Promise<ScheduleContext> {
  return contextOf(options, (target, model) => probeServer(target, model), seed)
}

async function contextOf(
  options: ScheduleOptions,
  ask: (target: Target, model: string | undefined) => Promise<ServerInfo>,
  seed?: number,
): Promise<ScheduleContext> {
  const settings = loadSettings({ flags: options, envFile: options['env-file'] })
  const target = targetFrom(settings, false)
  const server = await ask(target, settings.get('model'))
  const model = chooseModel(server, settings.get('model'), target)
  const maxModelLen = server.models.find(({ id }) => id === model)?.max_model_len ?? null
  return { settings, target, server, model, maxModelLen, seed: seed ?? settings.get('seed') ?? randomInt(2 ** 31) }
}

/** What all requests have in common. */
export async function commonOf(options: ScheduleOptions, context: ScheduleContext): Promise<ArrivalPlanOptions> {
  const { settings, target, server, model, maxModelLen, seed } = context
  const named = /\/completions\/*([?#]|$)/.test(settings.need('url'))
  const { prompts, endpoint } = await promptsForArrivals({
    target,
    server,
    model,
    endpoint: settings.get('endpoint') ?? (named ? target.endpoint : null),
    tokenizer: options.tokenizer,
    salt: options.salt ?? String(seed),
  })
  return {
    prompts,
    model,
    sampling: samplingFrom(settings, {
      'ignore-eos': !options['respect-eos'] && abilitiesOf(server.server).ignoresEos,
      body: options.body,
    }),
    seed,
    stream: !options['no-stream'],
    roomOf: endpoint === 'completions' ? maxModelLen : null,
  }
}

/** Where `--resume` continues: what each process is to offer, and how many requests were offered before. */
interface Resumed {
  point: ResumePoint
  part: OfferingPart
  before: number
}

async function resumedFrom(options: ScheduleOptions): Promise<Resumed | null> {
  if (options.resume === undefined) return null
  const point = await resumePoint(options.resume)
  const { from, skip } = point
  return { point, part: { from, skip }, before: from + skip.size }
}

/** Throws `usage/*` for what can be seen to be wrong before anything is asked or made. */
export function checkSchedule({ slo, workers }: Pick<ScheduleOptions, 'slo' | 'workers'>): void {
  if (slo !== undefined) parseSlo(slo)
  workersOf(workers)
}

function whereRun(folder: string, { quiet, json }: Pick<ScheduleOptions, 'quiet' | 'json'>): void {
  if (!quiet) process.stderr.write(`\nrun: ${folder}\n`)
  else if (!json) process.stdout.write(`${folder}\n`)
}

function workersOf(text: string | undefined): number {
  if (text === undefined) return 1
  if (text === 'auto') return Math.max(1, availableParallelism() - 1)
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= MOST_WORKERS) return count
  throw new LayerlineError('usage/arguments', `--workers ${text}: expected auto, or a number from 1 to ${MOST_WORKERS}`)
}

const NO_PLAN: RunPlan = {
  schedule: null,
  prompts: null,
  counts: {},
  speedup: null,
  max_in_flight: null,
  pacing: null,
  pacing_cpu_s: null,
  dependency: null,
  retries: 0,
  workers: 1,
  workers_lost: 0,
  resumed_from: null,
  first_request: 0,
  offered_before: [],
}
