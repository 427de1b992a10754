/** vLLM's annotation of a step, `execute_context_N(x)_generation_M(y)`, as an SQL pattern. */
export const STEP_PATTERN = `'^execute_context_([0-9]+)\\(([0-9]+)\\)_generation_([0-9]+)\\(([0-9]+)\\)$'`

/** Its numbers, by the column that holds the name. */
export function stepNumbers(name: string): string {
  const numbers = ['prefills', 'prefill_tokens', 'decodes', 'decode_tokens']
  return numbers.map((as, i) => `regexp_extract(${name}, ${STEP_PATTERN}, ${i + 1})::DOUBLE AS ${as}`).join(', ')
}

/** What kind of step that makes it. */
export const STEP_KIND = `CASE WHEN prefills > 0 AND decodes > 0 THEN 'mixed' WHEN prefills > 0 THEN 'prefill' WHEN decodes > 0 THEN 'decode' ELSE 'empty' END`
