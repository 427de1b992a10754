import { z } from 'zod'
import { errorText } from '../../../base/errors.ts'
import type { BatchModel, BatchPlan } from '../batch.ts'
import { workerEnv } from '../workers/worker-env.ts'
import { lastLine } from '../workers/worker-outcome.ts'
import { runWorker, type WorkerEnd, type WorkerEvent } from '../workers/worker-process.ts'
import { isLasting, type ModelBook } from './model-book.ts'

export interface SupplyHooks {
  readonly stop: AbortSignal
  changed(): void
}

/**
 * Brings one model to `ready` or `refused`, by workers: fetched unless it is here, then looked through as a whole. What a
 * hub says for good is remembered, and not asked again unless downloads are forced.
 */
export async function supplyModel(
  model: BatchModel,
  plan: BatchPlan,
  book: ModelBook,
  hooks: SupplyHooks,
): Promise<void> {
  if (model.path === null) {
    const known = book.read()[model.name]
    if (!plan.forceDownload && isLasting(known)) {
      const when = known.at.slice(0, 16).replace('T', ' ')
      refuse(
        model,
        known.reason ?? 'refused',
        `${known.message ?? ''} (asked ${when} UTC; --force-download asks again)`,
      )
      return
    }
    const here = !plan.forceDownload && known?.state === 'ready' ? known.path : null
    if (here !== null && (await check(model, here, plan, hooks)) === null) {
      model.weights = here
      model.state = 'ready'
      return
    }
    await fetchModel(model, plan, hooks)
  } else model.weights = model.path
  if (hooks.stop.aborted) return
  if (model.weights !== null) {
    const problem = await check(model, model.weights, plan, hooks)
    if (hooks.stop.aborted) return
    if (problem === null) model.state = 'ready'
    else refuse(model, problem.reason, problem.message)
  }
  const state = model.state === 'ready' ? 'ready' : 'refused'
  await book.note(model, { state, path: model.weights, reason: model.reason, message: model.message })
}

function refuse(model: BatchModel, reason: string, message: string): void {
  model.state = 'refused'
  model.reason = reason
  model.message = message.trim()
}

async function fetchModel(model: BatchModel, plan: BatchPlan, hooks: SupplyHooks): Promise<void> {
  model.state = 'fetching'
  hooks.changed()
  let last: WorkerEvent | null = null
  const flags = [
    ...(plan.offline ? ['--offline'] : []),
    ...(plan.forceDownload ? ['--force-download'] : []),
    ...(plan.allowPickle ? [] : ['--safetensors-only']),
  ]
  const args = [
    'fetch',
    '--model',
    model.name,
    '--cache-dir',
    plan.cacheDir,
    '--timeout',
    String(plan.timeouts.download),
    ...flags,
  ]
  // The worker has its own time limit; this one is for a worker that cannot keep it.
  const timeoutMs = (plan.timeouts.download + 30) * 1000
  const end = await runWorker({
    command: plan.python.command,
    args: ['-m', 'layerline_kernels', ...args],
    env: workerEnv(plan, { downloads: true }),
    log: null,
    timeoutMs,
    inactivityMs: null,
    stop: hooks.stop,
    onEvent(event) {
      if (event.event === 'progress') {
        model.bytes = { done: numberOr(event.bytes, 0), total: numberOr(event.total_bytes, null) }
        hooks.changed()
      } else if (event.event === 'done' || event.event === 'refused') last = event
    },
  })
  if (end.by === 'stop') return
  const said = last as WorkerEvent | null
  if (end.code === 0 && said?.event === 'done' && typeof said.path === 'string') model.weights = said.path
  else if (said?.event === 'refused') refuse(model, textOr(said.reason, 'refused'), textOr(said.message, ''))
  else if (end.by === 'timeout') refuse(model, 'timeout', `not downloaded after ${plan.timeouts.download} s`)
  else refuse(model, 'download_failed', howItEnded(end))
}

const checkSchema = z.looseObject({
  ok: z.boolean(),
  problems: z.array(z.unknown()).default([]),
  architecture: z.string().nullish(),
  known: z.boolean().nullish(),
})

/** Why a model's folder cannot be traced, or null. A framework may wait for ever on an incomplete one. */
async function check(model: BatchModel, folder: string, plan: BatchPlan, hooks: SupplyHooks) {
  model.state = 'checking'
  hooks.changed()
  const allowed = [
    ...(plan.trustRemoteCode ? ['--trust-remote-code'] : []),
    ...(plan.allowPickle ? ['--allow-pickle'] : []),
  ]
  const end = await runWorker({
    command: plan.python.command,
    args: ['-m', 'layerline_kernels', 'check', '--model-path', folder, '--framework', plan.framework, ...allowed],
    env: workerEnv(plan, {}),
    log: null,
    timeoutMs: 300_000,
    inactivityMs: null,
    stop: hooks.stop,
  })
  try {
    const line = end.stdout.slice(Math.max(0, end.stdout.search(/^\{/m)))
    const { ok, problems, architecture, known } = checkSchema.parse(JSON.parse(line))
    if (known === false && architecture != null && !plan.trustRemoteCode) {
      return {
        reason: 'unknown_architecture',
        message: `${plan.framework} does not know ${architecture}`,
      }
    }
    return ok ? null : { reason: 'incomplete', message: problems.map(String).join('; ') || 'its folder is not whole' }
  } catch (error) {
    return { reason: 'check_failed', message: end.code === 0 ? errorText(error) : howItEnded(end) }
  }
}

function howItEnded({ code, signal, tail }: WorkerEnd): string {
  return `${signal === null ? `exit code ${code}` : `ended by ${signal}`}: ${lastLine(tail)}`
}

function numberOr<T>(value: unknown, other: T): number | T {
  return typeof value === 'number' ? value : other
}

function textOr(value: unknown, other: string): string {
  return typeof value === 'string' ? value : other
}
