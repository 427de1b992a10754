import { checkPlan, type PromptSetPlan, type PromptSetRow } from '../../workload/prompt-sets/plan.ts'
import { asked, measureOverhead, type Overhead, PrefillTexts } from '../../workload/prompt-sets/prefill-texts.ts'
import { beginningOf, type PromptSetParts, promptSetRows } from '../../workload/prompt-sets/prompt-set.ts'
import { PromptSetFile } from '../../workload/prompt-sets/prompt-set-file.ts'
import type { TextSource } from '../../workload/prompt-sets/text-source.ts'
import type { Tokenizer } from '../../workload/prompt-sets/tokenizer.ts'

export interface PromptSetOptions {
  plan: PromptSetPlan
  out: string
  /** Null only for decode prompts as text, which need no counting. */
  tokenizer: Tokenizer | null
  source: TextSource
  /** Rows made at the same time. */
  concurrency: number
  onProgress?: (done: number, total: number) => void
  /** Settles when the work shall end early. */
  stopped?: Promise<void>
}

export interface PromptSetSummary {
  out: string
  stage: PromptSetPlan['stage']
  unit: PromptSetPlan['unit']
  seed: number
  salt: string | null
  shared_prefix: number
  token_ids: boolean
  source: string | null
  tokenizer: string | null
  /** The token limit of the server's model. */
  context_tokens: number | null
  overhead: Overhead | null
  rows: number
  /** Rows that existed before. */
  resumed: number
  /** Texts that the generator left too short. */
  padded: number
  /** False if it was stopped; the part is kept. */
  whole: boolean
  sizes: { size: number; prompts: number; prompt_tokens: { min: number; max: number } | null }[]
}

/** Makes a set of prompts into a file, or resumes one that was cut off. */
export async function makePromptSet(options: PromptSetOptions): Promise<PromptSetSummary> {
  const { plan, out, tokenizer, source } = options
  checkPlan(plan)
  const prefill = plan.stage === 'prefill'
  if ((prefill || plan.tokenIds) && tokenizer === null) throw new Error('this plan needs a tokenizer')
  const overhead = tokenizer === null ? null : await measureOverhead(tokenizer, prefill)
  const texts =
    prefill && tokenizer !== null && overhead !== null
      ? await PrefillTexts.create({ plan, tokenizer, source, overhead })
      : null
  const beginnings = new Set<string>()
  const sizes = new Map<number, PromptSetSummary['sizes'][number]>()
  const identity = { ...plan, tokenizer: tokenizer?.identity ?? null, texts: prefill ? source.name : null }
  const file = await PromptSetFile.open(out, identity, (row) => {
    const known = row.attrs?.prompt_tokens
    add(sizes, { size: row.size ?? 0, prompt_tokens: known === undefined ? null : Number(known) })
    if (typeof row.prompt !== 'string' || texts === null) return
    beginnings.add(beginningOf(row.prompt.slice(0, -asked('').length), texts.prefix))
  })
  const total = plan.sizes.length * plan.perSize
  const parts: PromptSetParts = { plan, tokenizer, overhead, texts, concurrency: options.concurrency }
  let rows = file.done
  try {
    const made = promptSetRows(parts, file.done, beginnings)
    // One promise raced against every row would keep them all in memory.
    let stopped = false
    let wake = () => {}
    options.stopped?.then(() => {
      stopped = true
      wake()
    })
    while (!stopped) {
      options.onProgress?.(rows, total)
      const next = await new Promise<IteratorResult<PromptSetRow> | null>((resolve, reject) => {
        wake = () => resolve(null)
        made.next().then(resolve, reject)
      })
      if (next === null || next.done) break
      await file.append(next.value)
      add(sizes, next.value)
      rows++
    }
  } catch (error) {
    await file.leave()
    throw error
  }
  const whole = rows === total
  await (whole ? file.finish() : file.leave())
  return {
    out,
    stage: plan.stage,
    unit: plan.unit,
    seed: plan.seed,
    salt: prefill ? plan.salt : null,
    shared_prefix: plan.sharedPrefix,
    token_ids: plan.tokenIds,
    source: prefill ? source.name : null,
    tokenizer: tokenizer?.name ?? null,
    context_tokens: tokenizer?.contextTokens ?? null,
    overhead,
    rows,
    resumed: file.done,
    padded: texts?.padded ?? 0,
    whole,
    sizes: [...sizes.values()],
  }
}

function add(sizes: Map<number, PromptSetSummary['sizes'][number]>, row: Pick<PromptSetRow, 'size' | 'prompt_tokens'>) {
  const { size, prompt_tokens: tokens } = row
  const known = sizes.get(size) ?? { size, prompts: 0, prompt_tokens: null }
  known.prompts++
  if (tokens !== null) {
    const { min, max } = known.prompt_tokens ?? { min: tokens, max: tokens }
    known.prompt_tokens = { min: Math.min(min, tokens), max: Math.max(max, tokens) }
  }
  sizes.set(size, known)
}
