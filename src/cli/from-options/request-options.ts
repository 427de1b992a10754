import { LayerlineError } from '../../base/errors.ts'
import type { Settings } from '../../config/settings.ts'
import { loadPrompts, type PromptRow } from '../../workload/prompts.ts'
import type { OptionValues } from '../options.ts'

/** The prompts of `--prompts`, or PROMPT_FILE, of the sizes asked for. */
export async function promptsFrom(settings: Settings): Promise<PromptRow[]> {
  const sizes = settings.get('sizes')
  const stage = settings.get('stage')
  const promptDir = settings.get('promptDir')
  return loadPrompts(settings.need('promptFile'), {
    ...(promptDir === undefined ? {} : { promptDir }),
    ...(sizes === undefined ? {} : { sizes }),
    ...(stage === undefined ? {} : { stage }),
  })
}

/** How tokens are drawn, and whatever else each request's body shall hold. */
export function samplingFrom(
  settings: Settings,
  options: Pick<OptionValues, 'ignore-eos' | 'body'>,
): Record<string, unknown> {
  const topP = settings.get('topP')
  return {
    temperature: settings.get('temperature'),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(options['ignore-eos'] ? { ignore_eos: true } : {}),
    ...bodyFields(options.body),
  }
}

function bodyFields(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {}
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = null
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new LayerlineError('usage/body', '--body: expected a JSON object', {
      hint: `for example --body '{"min_tokens": 16}'`,
    })
  }
  return value as Record<string, unknown>
}
