import type { Engine, EngineStatus, InstalledEngine, StartOptions } from './care/engine.ts'
import type { OnProgress } from './care/progress.ts'
import { ENGINE_NAMES, type EngineName } from './engine-names.ts'
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
  /** It sends a span for each request by OTLP, where it is started so. */
  readonly sendsSpans: boolean
  /** Where the libraries lie whose functions are probed, below its folder: one of a name, or those of a program. */
  readonly probed: { readonly below: string; readonly library: string } | { readonly of: string }
}

export const ENGINES = {
  llamacpp: {
    install: installLlamacpp,
    start: startLlamacpp,
    status: llamacppStatus,
    sendsSpans: false,
    probed: { below: 'node_modules/@node-llama-cpp', library: 'libllama.so' },
  },
  vllm: {
    install: installVllm,
    start: startVllm,
    status: vllmStatus,
    sendsSpans: true,
    probed: { of: 'bin/python' },
  },
} as const satisfies Record<EngineName, EngineInCare>

/** The managed engines: what is installed, how big it is, and what runs. */
export function listEngines(): EngineStatus[] {
  return ENGINE_NAMES.map((name) => ENGINES[name].status())
}
