import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** The part of node-llama-cpp that is used here, as types: the library is imported from the cache at run time. */
export interface LlamaLibrary {
  getLlama(options: {
    gpu: false
    build: 'never'
    maxThreads: number
    logLevel: 'warn'
    logger: (level: string, message: string) => void
  }): Promise<{
    loadModel(options: { modelPath: string; onLoadProgress: (ratio: number) => void }): Promise<LlamaModel>
  }>
  TokenBias: { for(model: LlamaModel): TokenBias }
}

export interface LlamaModel {
  readonly tokens: {
    readonly bos: number | null
    readonly eos: number | null
    readonly bosString: string | null
    readonly eosString: string | null
    readonly shouldPrependBosToken: boolean
  }
  readonly trainContextSize: number
  readonly fileInfo: {
    readonly metadata: {
      readonly tokenizer?: { readonly chat_template?: string; readonly ggml?: { readonly tokens?: readonly string[] } }
    }
  }
  tokenize(text: string, specialTokens: boolean): number[]
  detokenize(tokens: readonly number[], specialTokens: boolean, lastTokens?: readonly number[]): string
  isEogToken(token: number): boolean
  iterateAllTokens(): Iterable<number>
  createContext(options: {
    sequences: number
    contextSize: number
    threads: number
    batchSize: number
  }): Promise<{ getSequence(): LlamaSequence }>
}

/** Its setter refuses end-of-text tokens, which is what we need it for; the map behind it is what the sampler reads. */
export interface TokenBias {
  readonly _biases: Map<number, number>
}

/** null leaves a sampler out of the chain; undefined would mean the library's own default. */
export interface SamplingOptions {
  temperature: number
  topP: number | null
  topK: number | null
  minP: number | null
  seed: number
  tokenBias?: TokenBias
}

export interface LlamaSequence {
  readonly nextTokenIndex: number
  compareContextTokens(tokens: number[]): { firstDifferentIndex: number }
  eraseContextTokenRanges(ranges: Array<{ start: number; end: number }>): Promise<void>
  clearHistory(): Promise<void>
  evaluate(tokens: number[], options: SamplingOptions & { yieldEogToken: true }): AsyncGenerator<number, void, void>
  evaluateWithoutGeneratingNewTokens(tokens: number[]): Promise<void>
}

/** A chat template, compiled; the renderer comes with the engine. */
export interface JinjaTemplate {
  render(values: Record<string, unknown>): string
}

export interface Libraries {
  llama: LlamaLibrary
  Template: new (source: string) => JinjaTemplate
}

/** Imports the engine from its folder in the cache. */
export async function importLibraries(engineFolder: string): Promise<Libraries> {
  const entry = join(engineFolder, 'node_modules', 'node-llama-cpp', 'dist', 'index.js')
  const llama: LlamaLibrary = await import(pathToFileURL(entry).href)
  const jinja: { Template: Libraries['Template'] } = createRequire(entry)('@huggingface/jinja')
  return { llama, Template: jinja.Template }
}
