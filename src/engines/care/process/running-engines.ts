import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LayerlineError } from '../../../base/errors.ts'
import { type CacheLayout, cacheFolder, cacheLayout, makeFolder } from '../install/cache.ts'
import { allOver, endProcess } from './end-process.ts'

const stateSchema = z.object({
  name: z.string(),
  pid: z.int().positive(),
  /** With the pid it names the process for good. */
  processStart: z.string(),
  port: z.int(),
  url: z.string(),
  model: z.string(),
  modelPath: z.string(),
  version: z.string(),
  arguments: z.array(z.string()),
  detached: z.boolean(),
  startedUnixMs: z.number(),
  log: z.string(),
  /** Folder where its cores log their steps; null where they do not. */
  stepLog: z.string().nullable().default(null),
  /** Folder where its profiler writes; null where it has none. */
  profiles: z.string().nullable().default(null),
})

/** A running engine, as its state file `run/<name>-<port>.json` in the cache says. */
export type RunningEngine = z.infer<typeof stateSchema>

function stateFile(layout: CacheLayout, { name, port }: Pick<RunningEngine, 'name' | 'port'>): string {
  return join(layout.run, `${name}-${port}.json`)
}

export function writeState(layout: CacheLayout, state: RunningEngine): void {
  makeFolder(layout.run)
  const path = stateFile(layout, state)
  writeFileSync(`${path}.${process.pid}`, JSON.stringify(state, null, 2), { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
}

/** Removes an engine's state file, unless another engine has taken over its port. */
export function removeState(layout: CacheLayout, state: Pick<RunningEngine, 'name' | 'port' | 'pid'>): void {
  const path = stateFile(layout, state)
  if (readState(path)?.pid === state.pid) rmSync(path, { force: true })
}

/** The engines that run now, by port. State files of processes that are gone are removed. */
export function runningEngines(layout: CacheLayout): RunningEngine[] {
  if (!existsSync(layout.run)) return []
  const found: RunningEngine[] = []
  for (const name of readdirSync(layout.run)) {
    if (!/^[a-z]+-\d+\.json$/.test(name)) continue
    const path = join(layout.run, name)
    const state = readState(path)
    if (state !== undefined && !allOver(state.pid, state.processStart)) found.push(state)
    else rmSync(path, { force: true })
  }
  return found.sort((a, b) => a.port - b.port)
}

/** The running engines of a name, with how long they have been up. */
export function enginesNamed(name: string, layout: CacheLayout): Array<RunningEngine & { uptimeS: number }> {
  return runningEngines(layout)
    .filter((engine) => engine.name === name)
    .map((engine) => ({ ...engine, uptimeS: Math.max(0, Math.round((Date.now() - engine.startedUnixMs) / 1000)) }))
}

/**
 * Stops the engine on a port, or all that were left running on purpose (of a name, if one is given): an engine
 * that belongs to a running program is stopped only by its port. Returns those stopped; throws missing/engine if there
 * are none.
 */
export async function stopEngine(
  which?: string | number,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RunningEngine[]> {
  const layout = cacheLayout(cacheFolder(env))
  const all = runningEngines(layout)
  const chosen = all.filter(
    (engine) => engine.port === which || (engine.detached && (which ?? engine.name) === engine.name),
  )
  if (chosen.length === 0) {
    const asked = which === undefined ? '' : typeof which === 'number' ? ` on port ${which}` : ` named ${which}`
    throw new LayerlineError('missing/engine', `No engine${asked} is running.`, {
      hint:
        all.length === 0
          ? 'Start one: layerline engine start'
          : `Running: ${all.map((engine) => `${engine.name} on port ${engine.port}`).join(', ')}.`,
    })
  }
  for (const engine of chosen) {
    await endProcess(engine.pid, engine.processStart)
    removeState(layout, engine)
  }
  return chosen
}

function readState(path: string): RunningEngine | undefined {
  try {
    return stateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return undefined
  }
}
