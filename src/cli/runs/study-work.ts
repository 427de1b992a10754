import { ELEMENTS } from '../../workload/prompt-sets/elements.ts'
import type { PromptRow } from '../../workload/prompts.ts'

export const STUDY_MAX_TOKENS = 96
const STORIES = 8

/** The work of a study that was given none: stories, a limit of tokens each, so that a run takes some seconds on a small engine. */
export function studyPrompts(): PromptRow[] {
  return ELEMENTS.slice(0, STORIES).map((element, line) => ({
    id: element,
    size: STUDY_MAX_TOKENS,
    requestedUnit: 'tokens',
    stage: 'decode',
    prompt: `Generate a ${STUDY_MAX_TOKENS} word story about ${element}`,
    maxTokens: STUDY_MAX_TOKENS,
    attrs: null,
    line,
  }))
}
