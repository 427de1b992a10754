import { importLibraries, type LlamaModel, type LlamaSequence, type TokenBias } from './llama-library.ts'
import type { ServerArguments } from './server-arguments.ts'

export interface ChatMessage {
  role: string
  content: string
}

/** A loaded model with its sequences: what the server decodes, tokenizes and renders with. */
export interface EngineModel {
  /** Tokens of prompt and output together that one request may have. */
  maxModelLen: number
  sequences: LlamaSequence[]
  batchTokens: number
  /** Tokens are the whole numbers below this. */
  vocabulary: number
  tokenize(text: string, addSpecialTokens: boolean): number[]
  detokenize(tokens: number[]): string
  /** Text of new tokens after `before`; special tokens have none. */
  tokenText(tokens: readonly number[], before: readonly number[]): string
  /** The prompt of a conversation by the model's own template; undefined where the model has no template. */
  renderChat: ((messages: ChatMessage[], addGenerationPrompt: boolean) => string) | undefined
  endsText(token: number): boolean
  /** Keeps the sampler from ending the text. */
  neverEnd(): TokenBias
}

const BATCH_TOKENS = 512

/** Loads the engine, the model and its context; `onProgress` gets the share of the model that is loaded. */
export async function loadModel(options: ServerArguments, onProgress: (ratio: number) => void): Promise<EngineModel> {
  const { llama, Template } = await importLibraries(options.engineFolder)
  const instance = await llama.getLlama({
    gpu: false,
    build: 'never',
    maxThreads: options.threads,
    logLevel: 'warn',
    logger: (level, message) => process.stderr.write(`llama.cpp ${level}: ${message.trimEnd()}\n`),
  })
  const model = await instance.loadModel({ modelPath: options.model, onLoadProgress: onProgress })
  const maxModelLen = Math.min(options.contextTokens, model.trainContextSize || options.contextTokens)
  const context = await model.createContext({
    sequences: options.sequences,
    contextSize: maxModelLen,
    threads: options.threads,
    batchSize: Math.min(BATCH_TOKENS, maxModelLen * options.sequences),
  })
  const sequences = Array.from({ length: options.sequences }, () => context.getSequence())
  const template = model.fileInfo.metadata.tokenizer?.chat_template
  const compiled = template === undefined ? undefined : new Template(template)
  let endBias: TokenBias | undefined
  return {
    maxModelLen,
    sequences,
    batchTokens: BATCH_TOKENS,
    vocabulary: model.fileInfo.metadata.tokenizer?.ggml?.tokens?.length ?? Number.POSITIVE_INFINITY,
    tokenize: (text, addSpecialTokens) => tokenize(model, text, addSpecialTokens),
    detokenize: (tokens) => model.detokenize(tokens, true),
    tokenText: (tokens, before) => model.detokenize(tokens, false, before),
    renderChat:
      compiled &&
      ((messages, addGenerationPrompt) =>
        compiled.render({
          messages,
          add_generation_prompt: addGenerationPrompt,
          bos_token: model.tokens.bosString ?? '',
          eos_token: model.tokens.eosString ?? '',
        })),
    endsText: (token) => model.isEogToken(token),
    neverEnd: () => {
      endBias ??= biasAgainstEnds(llama.TokenBias.for(model), model)
      return endBias
    },
  }
}

function tokenize(model: LlamaModel, text: string, addSpecialTokens: boolean): number[] {
  const tokens = model.tokenize(text, true)
  const { bos, shouldPrependBosToken } = model.tokens
  if (addSpecialTokens && shouldPrependBosToken && bos !== null && tokens[0] !== bos) tokens.unshift(bos)
  return tokens
}

function biasAgainstEnds(bias: TokenBias, model: LlamaModel): TokenBias {
  for (const token of model.iterateAllTokens()) {
    if (model.isEogToken(token)) bias._biases.set(token, Number.NEGATIVE_INFINITY)
  }
  return bias
}
