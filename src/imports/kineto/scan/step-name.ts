/** What an engine step's annotation says: requests and tokens in prefill (context) and in decode (generation). */
export interface StepName {
  readonly prefills: number
  readonly prefillTokens: number
  readonly decodes: number
  readonly decodeTokens: number
  readonly tokens: number
}

const VLLM_STEP = /^execute_context_(\d{1,9})\((\d{1,9})\)_generation_(\d{1,9})\((\d{1,9})\)$/

/** Reads `execute_context_C(ct)_generation_G(gt)` of vLLM; null for any other name. */
export function stepOf(name: string): StepName | null {
  const match = VLLM_STEP.exec(name)
  if (match === null) return null
  const [prefills, prefillTokens, decodes, decodeTokens] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ]
  return { prefills, prefillTokens, decodes, decodeTokens, tokens: prefillTokens + decodeTokens }
}
