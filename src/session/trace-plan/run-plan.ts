import { createHash, randomInt } from 'node:crypto'
import { basename } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import type { ServerInfo } from '../../sources/requests/probe.ts'
import type { Target } from '../../sources/requests/target.ts'
import type { PreparedSource } from '../../sources/source.ts'
import { decodeWarning } from '../decode-warning.ts'
import { roomFor } from '../model-room.ts'
import { closedGroups, usersOf } from '../offer.ts'
import { type PromptPart, partsSchedule } from '../prompt-drafts.ts'
import { type RequestRun, type RequestRunOptions, type RequestRunView, runRequests } from '../request-run.ts'
import type { StopSignal } from '../stop-signal.ts'
import { usersWithIdle } from './idle-around.ts'
import { answeredIn, checkSamePlan, findPlanRuns, nextFolder, type PlanRun } from './plan-runs.ts'

/** A server and what samples beside it, found to work. */
export interface ReadyTarget {
  target: Target
  server: ServerInfo
  model: string
  /** The settings in force, without secrets. */
  config: Record<string, unknown>
  sources(): Promise<PreparedSource[]>
}

export interface PlanTarget {
  name: string
  /** Asks the server. Throws where it does not answer or has no such model. */
  prepare(): Promise<ReadyTarget>
}

export interface TracePlan {
  /** The folder that its runs are in. */
  out: string
  file: string
  /** Undefined: that of its runs, where there are some, else drawn. */
  seed: number | undefined
  order: 'given' | 'random'
  /** Idle sampling periods around requests. */
  preRoll: number
  postRoll: number
  sampleMs: number
  concurrency: number
  warmup: number
  stream: boolean
  texts: boolean
  tokenIds: boolean
  parts: readonly PromptPart[]
  targets: readonly PlanTarget[]
}

/** Called for what happens while a plan runs. */
export interface PlanView {
  recovered(folder: string): void
  /** Before anything is sent: how many requests are to be sent, warm-up too, and how many were answered before. */
  begins(totals: { left: number; answered: number; seed: number }): void
  /** Before anything is sent: what is to be known of a target. */
  warned(name: string, text: string): void
  /** A target's turn; `left` requests are to be sent, warm-up too. */
  target(name: string, counts: { left: number; answered: number; requests: number }): RequestRunView
  ran(name: string, run: RequestRun): void
  /** A target that cannot be traced now; the others continue. */
  skipped(name: string, error: LayerlineError): void
}

export interface PlanOutcome {
  seed: number
  interrupted: boolean
  /** `requests` are those of the whole plan at this target; `problem` says why it was skipped. */
  targets: { name: string; requests: number; answered: number; runs: string[]; problem: LayerlineError | null }[]
}

/**
 * Follows a plan, one run per target, one target after another; what its runs have answered is not asked again, so the
 * same plan resumes where it was cut off. Every target with remaining work is tried before anything is sent.
 */
export async function runPlan(plan: TracePlan, stop: StopSignal, view: PlanView): Promise<PlanOutcome> {
  const before = await findPlanRuns(plan.out, view.recovered)
  const seed = plan.seed ?? before[0]?.seed ?? randomInt(2 ** 31)
  const identity = identityOf(plan, seed)
  for (const run of before) checkSamePlan(run, identity)
  const requests = plan.parts.reduce((sum, { prompts, repeat }) => sum + prompts.length * repeat, 0)
  const states = []
  for (const target of plan.targets) {
    const runs = before.filter((run) => run.target === target.name)
    const answered = new Set((await Promise.all(runs.map(({ folder }) => answeredIn(folder)))).flat())
    states.push({
      target,
      runs,
      answered,
      folders: runs.map(({ folder }) => folder),
      problem: null as LayerlineError | null,
    })
  }
  const open = states.filter(({ answered }) => answered.size < requests)
  for (const { target, runs, answered } of open) {
    const ready = await tryOut(target, runs)
    for (const text of warningsOf(plan, ready, 1 - answered.size / requests)) view.warned(target.name, text)
  }
  view.begins({
    left: open.reduce((sum, { answered }) => sum + plan.warmup + requests - answered.size, 0),
    answered: states.reduce((sum, { answered }) => sum + answered.size, 0),
    seed,
  })
  for (const state of open) {
    if (stop.stage !== 'running') break
    const { target, answered, folders } = state
    const options = await prepareRun({ plan, seed, identity, requests, ...state }, stop).catch((error: unknown) => {
      if (!(error instanceof LayerlineError) || !/^(unreachable|missing)\//.test(error.code)) throw error
      state.problem = error
      view.skipped(target.name, error)
    })
    if (options === undefined) continue
    const left = options.plannedRequests ?? 0
    const run = await runRequests(options, stop, view.target(target.name, { left, answered: answered.size, requests }))
    folders.push(run.folder)
    for (const id of await answeredIn(run.folder)) answered.add(id)
    view.ran(target.name, run)
  }
  return {
    seed,
    interrupted: stop.stage !== 'running',
    targets: states.map(({ target: { name }, answered, folders, problem }) => {
      return { name, requests, answered: answered.size, runs: folders, problem }
    }),
  }
}

interface TargetWork {
  plan: TracePlan
  seed: number
  identity: Record<string, unknown>
  requests: number
  target: PlanTarget
  runs: readonly PlanRun[]
  answered: ReadonlySet<number>
}

/** The run of what is left at a target; its sources are the last thing that is made ready, and `runRequests` ends them. */
async function prepareRun(work: TargetWork, stop: StopSignal): Promise<RequestRunOptions> {
  const { plan, seed, identity, requests, answered } = work
  const { name } = work.target
  const ready = await readyTarget(work.target, work.runs)
  const { target, server, model } = ready
  const { stream, warmup, order, concurrency, sampleMs } = plan
  const schedule = await partsSchedule(plan.parts, {
    model,
    seed,
    stream,
    warmup,
    order,
    room: (prompt) => roomFor(target, server, model, prompt),
  })
  const measured = schedule.measured.filter(({ requestId }) => !answered.has(requestId))
  const idle = { beforeMs: plan.preRoll * sampleMs, afterMs: plan.postRoll * sampleMs }
  return {
    command: 'trace',
    out: nextFolder(plan.out, name),
    config: {
      ...ready.config,
      plan: { file: basename(plan.file), target: name, requests, identity },
      stream,
      texts: plan.texts,
    },
    sampling: { by_stage: plan.parts.map(({ sampling }) => sampling), seed: `${seed} + request_id` },
    seed,
    target,
    server,
    model,
    sampleMs,
    keepTexts: plan.texts || plan.tokenIds,
    keepTokenIds: plan.tokenIds,
    plannedRequests: schedule.warmup.length + measured.length,
    offerer: closedGroups([usersOf(schedule.warmup, concurrency), usersWithIdle(measured, concurrency, idle, stop)]),
    sources: await stop.unlessStopped(ready.sources(), (made) => made.forEach((each) => void each.stop())),
  }
}

/** Whether a target can be traced now. Throws, with its name, where it cannot. */
async function tryOut(target: PlanTarget, runs: readonly PlanRun[]): Promise<ReadyTarget> {
  try {
    const ready = await readyTarget(target, runs)
    for (const source of await ready.sources()) await source.stop()
    return ready
  } catch (error) {
    if (!(error instanceof LayerlineError)) throw error
    throw named(target, error)
  }
}

/** Of each stage that may decode for very long; `left` of it is still to be sent. */
function warningsOf({ parts, concurrency }: TracePlan, { server, model }: ReadyTarget, left: number): string[] {
  return parts.flatMap(({ prompts, stage, maxTokens, repeat, sampling }) => {
    const warning = decodeWarning(prompts, {
      stage,
      maxTokens,
      maxModelLen: server.models.find(({ id }) => id === model)?.max_model_len ?? null,
      ignoreEos: sampling.ignore_eos === true,
      concurrency,
      repeat: repeat * left,
    })
    return warning ?? []
  })
}

/** A server that now has another model than its earlier runs would be two experiments under one name. */
async function readyTarget(target: PlanTarget, runs: readonly PlanRun[]): Promise<ReadyTarget> {
  const ready = await target.prepare()
  const other = runs.find(({ model }) => model !== ready.model)
  if (other === undefined) return ready
  throw new LayerlineError('input/plan-differs', `${other.folder}: made with ${other.model}, now ${ready.model}`, {
    hint: 'give another --out, or start the model that it was made with',
  })
}

function named(target: PlanTarget, error: LayerlineError): LayerlineError {
  return new LayerlineError(error.code as 'input/plan', `target ${target.name}: ${error.message}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    cause: error,
  })
}

/** What the schedule follows from; the target's own part of it is the model, which run.json has. */
function identityOf(plan: TracePlan, seed: number): Record<string, unknown> {
  const { order, preRoll, postRoll, sampleMs, concurrency, warmup, stream, texts, tokenIds } = plan
  return {
    seed,
    order,
    pre_roll: preRoll,
    post_roll: postRoll,
    sample_ms: sampleMs,
    concurrency,
    warmup,
    stream,
    texts,
    token_ids: tokenIds,
    stages: plan.parts.map(({ prompts, sampling, maxTokens, stage, repeat }) => ({
      prompts: prompts.length,
      prompts_sha256: digestOf(prompts),
      stage: stage ?? null,
      repeat,
      max_tokens: maxTokens ?? null,
      sampling,
    })),
  }
}

/** Of the rows as they are used: where they stand in the file is of no matter. */
function digestOf(prompts: PromptPart['prompts']): string {
  const hash = createHash('sha256')
  for (const { line, ...row } of prompts) hash.update(`${JSON.stringify(row)}\n`)
  return hash.digest('hex')
}
