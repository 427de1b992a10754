import { statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { refuseForeign } from '../../base/foreign-file.ts'
import { readSmallFile } from '../../base/small-file.ts'

/** What a dense decoder's matrices are, as its config.json says. */
export interface ModelShape {
  readonly model: string
  readonly layers: number
  readonly hidden: number
  readonly heads: number
  readonly kvHeads: number
  readonly headDim: number
  readonly intermediate: number
  readonly vocabulary: number
  /** Of a weight, and of a key or value. */
  readonly bytesEach: number
}

/** Decoders of grouped attention with a gated MLP: what the formulas count. */
const FAMILIES = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma', 'phi3', 'smollm3', 'granite', 'olmo2']
const BYTES: Readonly<Record<string, number>> = { float32: 4, bfloat16: 2, float16: 2 }

const positive = z.number().int().positive()
const configSchema = z.looseObject({
  model_type: z.string(),
  num_hidden_layers: positive,
  hidden_size: positive,
  num_attention_heads: positive,
  num_key_value_heads: positive.optional(),
  head_dim: positive.nullish(),
  intermediate_size: positive,
  vocab_size: positive,
  dtype: z.string().optional(),
  torch_dtype: z.string().optional(),
  quantization_config: z.unknown().optional(),
})

const MOST_BYTES = 16 * 2 ** 20

/** Reads a model's config.json, or the one in its folder. Throws `input/model-config` for models whose work is not known. */
export function readModelShape(pathAsGiven: string): ModelShape {
  const fail = (what: string, cause?: unknown) =>
    new LayerlineError('input/model-config', `${pathAsGiven}: ${what}`, {
      hint: `expected the config.json of a dense decoder: ${FAMILIES.join(', ')}`,
      ...(cause === undefined ? {} : { cause }),
    })
  let read: unknown
  try {
    const path = statSync(pathAsGiven).isDirectory() ? join(pathAsGiven, 'config.json') : pathAsGiven
    const bytes = readSmallFile(path, MOST_BYTES)
    refuseForeign(path, bytes, 'input/model-config', "JSON, as a model's config.json")
    read = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    if (cause instanceof LayerlineError) throw cause
    throw fail(errorText(cause), cause)
  }
  const parsed = configSchema.safeParse(read)
  if (!parsed.success)
    throw fail(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
  const config = parsed.data
  if (!FAMILIES.includes(config.model_type)) throw fail(`the work of a step of ${config.model_type} is not known`)
  if (config.quantization_config != null) throw fail('the bytes of quantized weights are not known')
  const dtype = config.dtype ?? config.torch_dtype ?? ''
  const bytesEach = BYTES[dtype]
  if (bytesEach === undefined) throw fail(`dtype ${JSON.stringify(dtype)}: expected ${Object.keys(BYTES).join(', ')}`)
  return {
    model: config.model_type,
    layers: config.num_hidden_layers,
    hidden: config.hidden_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads ?? config.num_attention_heads,
    headDim: config.head_dim ?? config.hidden_size / config.num_attention_heads,
    intermediate: config.intermediate_size,
    vocabulary: config.vocab_size,
    bytesEach,
  }
}
