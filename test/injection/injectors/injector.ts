import type { LateCause } from '../../../src/analysis/late-tokens/causes.ts'
import type { StartOptions } from '../../../src/engines/care/engine.ts'

/** Injects one kind of fault into an engine, repeatedly. */
export interface Injector {
  /** The address for the client; the engine's own if the fault is not on the way. */
  readonly url: string
  /** Resolves when the fault may have an effect. */
  begin(): Promise<void> | void
  end(): Promise<void> | void
  /** Leaves the machine as it was. */
  close(): Promise<void> | void
}

/** What can be injected, and how long at a time. */
export interface Harm {
  readonly name: string
  readonly cause: LateCause
  readonly engine: 'llamacpp' | 'vllm'
  readonly engineOptions?: StartOptions
  /** One injection lasts this long, and as much again by chance. */
  readonly leastMs: number
  /** From the end of one to the next, and as much again by chance. */
  readonly pauseMs: number
  /** How long its effect continues after its end. */
  readonly tailMs: number
  /** Throws, with the reason, where this machine does not have what it takes. */
  prepare(engine: { readonly pid: number; readonly url: string; readonly model: string }): Promise<Injector>
}
