import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { processStart } from '../../base/process-identity.ts'
import type { Engine, StartOptions } from '../care/engine.ts'
import { cacheFolder, cacheLayout } from '../care/install/cache.ts'
import { endProcess } from '../care/process/end-process.ts'
import { createLog } from '../care/process/log-file.ts'
import { freePort } from '../care/process/port.ts'
import { trackEngine } from '../care/process/track-engine.ts'
import { watchParent } from '../care/process/watch-parent.ts'
import type { OnProgress } from '../care/progress.ts'
import { environmentPython } from './environment.ts'
import { installVllm } from './install.ts'
import { failureReason, type Phase, PhaseReader } from './log-reading.ts'
import { chooseModel, type ModelChoice, weightsSha256 } from './models.ts'
import { chooseBuild, VLLM } from './pins.ts'
import { type VllmServer, vllmArguments, vllmEnvironment } from './server-arguments.ts'
import { installStepLog, stepLogFolder } from './step-log.ts'

/** Its engine finishes a step and frees its shared memory when it is asked to end. */
const PATIENCE_MS = 15_000
const POLL_MS = 500
/** A big model from a slow disk takes minutes; a start without output for this long hangs. */
const START_LIMIT_MS = 30 * 60_000

/**
 * Starts vLLM in a process group of its own and resolves when it answers; installs it first where needed. `model` is a
 * model folder, an id that vLLM fetches, or `tiny`: random weights, for tests. Throws LayerlineErrors: no such model, port
 * taken, and where vLLM fails what its log says.
 */
export async function startVllm(options: StartOptions = {}): Promise<Engine> {
  const env = options.env ?? process.env
  const onProgress = options.onProgress ?? (() => {})
  const layout = cacheLayout(cacheFolder(env))
  const build = chooseBuild()
  const model = chooseModel(options.model)
  const prepared = model.kind === 'small' || model.kind === 'tiny' ? model.kind : null
  const host = options.host ?? '127.0.0.1'
  // Checked before the installation: errors in the request should not take minutes to appear.
  await freePort(host, options.port ?? 0)
  const installed = await installVllm({ onProgress, model: prepared, env, build })
  options.signal?.throwIfAborted()
  const modelPath = pathOf(model, installed.modelPath)
  const port = await freePort(host, options.port ?? 0)
  const profiles = join(layout.root, 'profiles', `${VLLM.name}-${port}`)
  rmSync(profiles, { recursive: true, force: true })
  mkdirSync(profiles, { recursive: true })
  await installStepLog(layout, installed.engineFolder, env)
  const stepLog = stepLogFolder(layout, port)
  const server: VllmServer = { build, model, modelPath, host, port, profiles, stepLog, options }
  const args = vllmArguments(server)

  const { path: log, file } = createLog(layout, VLLM.name)
  const child = spawn(environmentPython(installed.engineFolder), args, {
    cwd: installed.engineFolder,
    stdio: ['ignore', file, file],
    // A group of its own: Layerline itself handles Ctrl-C in the terminal, and can end the children with the group.
    detached: true,
    env: vllmEnvironment(server, layout, options.threads, env),
  })
  closeSync(file)
  const group = ownGroup(child)
  try {
    const maxModelLen = await whenHealthy(child, server, log, onProgress, options.signal)
    onProgress({ name: 'ready', done: 1, total: 1, unit: 'ratio', text: `${model.name} is ready` })
    const detached = options.detached ?? false
    const engine = trackEngine(child, layout, {
      ...{ host, port, detached, log, stepLog, profiles, modelPath, maxModelLen, arguments: args, model: model.name },
      name: VLLM.name,
      version: `vllm ${VLLM.version} (${build.kind})`,
      // Not read before vLLM has loaded them: reading would put them into the page cache, and a cold start would become
      // a warm one.
      modelSha256: model.kind === 'id' ? null : await weightsSha256(modelPath),
      patienceMs: PATIENCE_MS,
    })
    if (detached) group.letLive()
    return engine
  } catch (error) {
    await group.end()
    throw error
  }
}

function pathOf(model: ModelChoice, prepared: string): string {
  if (model.kind === 'folder') return model.path
  return model.kind === 'id' ? model.id : prepared
}

/** Ends what is left of the engine's processes when its first one ends, or when this process does. */
function ownGroup(child: ChildProcess): { end(): Promise<void>; letLive(): void } {
  const { pid } = child
  if (pid === undefined) return { end: async () => {}, letLive() {} }
  const start = processStart(pid)
  const watcher = watchParent(pid)
  const end = async () => {
    await endProcess(pid, start, PATIENCE_MS)
    watcher.release()
  }
  child.once('exit', () => end().catch(() => {}))
  return { end, letLive: () => watcher.release() }
}

const modelsSchema = z.object({ data: z.array(z.object({ id: z.string(), max_model_len: z.int().positive() })) })

/** Resolves with the tokens that a request may have, when the server is healthy; rejects with why it ended. */
async function whenHealthy(
  child: ChildProcess,
  server: VllmServer,
  log: string,
  onProgress: OnProgress,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { model, host, port } = server
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  let ended: string | undefined
  child.once('error', (error) => {
    ended = errorText(error)
  })
  child.once('exit', (code, by) => {
    ended = `its process ended with ${code ?? by}`
  })
  const phases = new PhaseReader(log)
  let phase: Phase = { text: 'loading its libraries', share: 0 }
  const report = (says: string) => {
    const { text, share } = phase
    const doing = says === '' ? text : `${text}: ${says}`
    onProgress({ name: text, done: share, total: 1, unit: 'ratio', text: `vLLM with ${model.name}: ${doing}` })
  }
  report('')
  const limit = Date.now() + START_LIMIT_MS
  while (Date.now() < limit) {
    signal?.throwIfAborted()
    phase = phases.poll() ?? phase
    report(phases.lastLine)
    if (ended !== undefined) throw startFailure(model.name, readFileSync(log, 'utf8') || ended, log)
    const models = await ask(`${base}/health`).then((health) => health && ask(`${base}/v1/models`))
    const parsed = modelsSchema.safeParse(await models?.json().catch(() => undefined))
    const served = parsed.data?.data.find(({ id }) => id === model.name)
    if (served !== undefined) return served.max_model_len
    await sleep(POLL_MS)
  }
  throw startFailure(model.name, `it did not answer within ${START_LIMIT_MS / 60_000} minutes`, log)
}

/** The answer, where it is a good one. */
async function ask(url: string): Promise<Response | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5000) })
    return response.ok ? response : undefined
  } catch {
    return undefined
  }
}

function startFailure(model: string, said: string, log: string): LayerlineError {
  return new LayerlineError('missing/engine', `vLLM did not start with ${model}: ${failureReason(said)}`, {
    hint: `The engine's log: ${log}`,
  })
}
