import type { ChildProcess } from 'node:child_process'
import { renameSync } from 'node:fs'
import { processStart } from '../../../base/process-identity.ts'
import type { Engine } from '../engine.ts'
import type { CacheLayout } from '../install/cache.ts'
import { endProcess } from './end-process.ts'
import { runningLog } from './log-file.ts'
import { type RunningEngine, removeState, writeState } from './running-engines.ts'

/** What is known of an engine when it answers. */
export interface EngineFacts {
  name: string
  version: string
  host: string
  port: number
  model: string
  modelPath: string
  modelSha256: string | null
  maxModelLen: number
  arguments: string[]
  detached: boolean
  /** Its log so far; it is moved to where it can be found by the port. */
  log: string
  /** Folder of the logs of its steps, if it writes any. */
  stepLog?: string
  /** Folder where its profiler writes, if it has one. */
  profiles?: string
  /** How long it may take to end when it is asked to. */
  patienceMs: number
}

/** Keeps the state file of an engine that runs, and ends it when asked. */
export function trackEngine(child: ChildProcess, layout: CacheLayout, facts: EngineFacts): Engine {
  const pid = child.pid as number
  const host = facts.host.includes(':') ? `[${facts.host}]` : facts.host
  const log = runningLog(layout, facts.name, facts.port)
  renameSync(facts.log, log)
  const { name, port, model, modelPath, version, detached } = facts
  const state: RunningEngine = {
    ...{ name, pid, port, model, modelPath, version, detached, log, arguments: facts.arguments },
    processStart: processStart(pid),
    url: `http://${host}:${port}/v1`,
    startedUnixMs: Date.now(),
    stepLog: facts.stepLog ?? null,
    profiles: facts.profiles ?? null,
  }
  writeState(layout, state)
  child.once('exit', () => removeState(layout, state))
  if (detached) child.unref()
  return {
    ...{ port, model, modelPath, version, pid, log, url: state.url, arguments: facts.arguments },
    modelSha256: facts.modelSha256,
    maxModelLen: facts.maxModelLen,
    stepLog: state.stepLog,
    stop: async () => {
      await endProcess(pid, state.processStart, facts.patienceMs)
      removeState(layout, state)
    },
  }
}
