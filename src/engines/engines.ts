import type { Engine, EngineStatus, InstalledEngine, StartOptions } from './care/engine.ts'
import type { OnProgress } from './care/progress.ts'
import { startLlamacpp } from './llamacpp/control.ts'
import { installLlamacpp } from './llamacpp/install/install.ts'
import { llamacppStatus } from './llamacpp/status.ts'
import { startVllm } from './vllm/control.ts'
import { installVllm } from './vllm/install.ts'
import { vllmStatus } from './vllm/status.ts'

/** A managed engine: each function throws LayerlineErrors that say what to do. */
export interface EngineInCare {
  /** Makes sure that the engine and the small model are in the cache. */
  install(options: { onProgress?: OnProgress }): Promise<InstalledEngine>
  /** Installs where needed, starts, and resolves when it answers. */
  start(options: StartOptions): Promise<Engine>
  status(): EngineStatus
}

export const ENGINES = {
  llamacpp: { install: installLlamacpp, start: startLlamacpp, status: llamacppStatus },
  vllm: { install: installVllm, start: startVllm, status: vllmStatus },
} as const satisfies Record<string, EngineInCare>

export type EngineName = keyof typeof ENGINES

export const ENGINE_NAMES = Object.keys(ENGINES) as EngineName[]

/** The managed engines: what is installed, how big it is, and what runs. */
export function listEngines(): EngineStatus[] {
  return ENGINE_NAMES.map((name) => ENGINES[name].status())
}
