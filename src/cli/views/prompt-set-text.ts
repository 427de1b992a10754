import type { PromptSetSummary } from '../../session/prompt-sets/make-prompt-set.ts'

/** What was made, for people: one line per size, and what a prompt has besides its size. */
export function promptSetText(summary: PromptSetSummary): string {
  const { overhead, stage, unit } = summary
  const lines = summary.sizes.map(({ size, prompts, prompt_tokens: tokens }) => {
    const prompt = tokens === null ? '' : `  ${tokens.min === tokens.max ? tokens.min : `${tokens.min}–${tokens.max}`}`
    return `${String(size).padStart(8)} ${unit.padEnd(6)}  ${String(prompts).padStart(6)}${prompt}\n`
  })
  const more = (tokens: number | null) => (tokens === null ? 'not known (ask the server with --url)' : `+${tokens}`)
  const beside =
    overhead === null
      ? ''
      : `${stage === 'prefill' ? `outside the size: question +${overhead.question}, ` : 'outside the prompt: '}` +
        `chat template ${more(overhead.template)}, BOS without a template +${overhead.bos} tokens\n`
  const from = summary.source === null ? '' : `, texts by ${summary.source}`
  return [
    `${summary.out}: ${summary.rows} ${stage} prompts${from}, seed ${summary.seed}${summary.salt === null ? '' : `, salt ${summary.salt}`}\n`,
    `    size           prompts${overhead === null ? '' : '  prompt tokens'}\n`,
    ...lines,
    beside,
    summary.tokenizer === null ? '' : `counted by ${summary.tokenizer}\n`,
    summary.resumed === 0 ? '' : `${summary.resumed} of them were there from before\n`,
    summary.padded === 0 ? '' : `${summary.padded} texts came too short and were made up with the grammar\n`,
    roomNote(summary),
  ].join('')
}

function roomNote({ context_tokens: room, sizes, overhead }: PromptSetSummary): string {
  if (room === null) return ''
  const beside = overhead?.template ?? overhead?.bos ?? 0
  const over = sizes.filter(({ prompt_tokens: tokens }) => tokens !== null && tokens.max + beside >= room)
  if (over.length === 0) return ''
  return `! the server has room for ${room} tokens: it will refuse the prompts of size ${over.map(({ size }) => size).join(', ')}\n`
}
