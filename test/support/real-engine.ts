import { afterAll, beforeAll } from 'vitest'
import type { Engine, StartOptions } from '../../src/engines/care/engine.ts'
import { startLlamacpp } from '../../src/engines/llamacpp/control.ts'
import { needsSmallEngine } from './small-engine.ts'

export interface RealEngine {
  /** With /v1. */
  readonly url: string
  readonly model: string
  readonly pid: number
  /** What /metrics says was processed and generated since the engine's start. */
  tokens(): Promise<{ input: number; output: number }>
  /** A text's token ids, by the engine's own tokenizer. */
  tokenize(text: string): Promise<number[]>
}

/** The real engine with its small model for the tests of a file; ends with them. */
export function useRealEngine(options: StartOptions = {}): RealEngine {
  const small = needsSmallEngine()
  let engine: Engine | undefined
  beforeAll(async () => {
    if (small.there()) engine = await startLlamacpp(options)
  })
  afterAll(() => engine?.stop())
  const started = () => {
    if (engine === undefined) throw new Error('the engine has not been started')
    return engine
  }
  const at = (path: string) => new URL(path, started().url)
  return {
    get url() {
      return started().url
    },
    get model() {
      return started().model
    },
    get pid() {
      return started().pid
    },
    async tokens() {
      const text = await (await fetch(at('/metrics'))).text()
      const counter = (name: string) =>
        Number(new RegExp(`^vllm:${name}_tokens_total{.*} (\\d+)$`, 'm').exec(text)?.[1])
      return { input: counter('prompt'), output: counter('generation') }
    },
    async tokenize(prompt) {
      const answer = await fetch(at('/tokenize'), { method: 'POST', body: JSON.stringify({ prompt }) })
      return ((await answer.json()) as { tokens: number[] }).tokens
    },
  }
}
