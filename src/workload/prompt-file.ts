import { stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { errorText, LayerlineError } from '../base/errors.ts'

/**
 * Where a prompt file is: as given, else in `promptDir`; and, since old command lines name that folder too
 * (`sample_inputs/a.csv` with `PROMPT_DIR=data/sample_inputs`), beside it. Throws `input/prompts-missing` with every
 * place it looked at.
 */
export async function findPromptFile(path: string, promptDir?: string): Promise<string> {
  const places = [path]
  if (promptDir !== undefined && !isAbsolute(path)) {
    places.push(join(promptDir, path))
    if (dirname(path) === basename(promptDir)) places.push(join(dirname(promptDir), path))
  }
  for (const place of places) {
    const found = await stat(place).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null
      throw new LayerlineError('input/prompts-unreadable', `${place}: ${errorText(cause)}`, { cause })
    })
    if (found?.isDirectory()) {
      throw new LayerlineError(
        'input/prompts-unreadable',
        `${place}: a folder; expected a CSV or JSONL file of prompts`,
      )
    }
    if (found) return place
  }
  throw new LayerlineError('input/prompts-missing', `${path}: no such file; looked at ${places.join(', ')}`, {
    hint:
      promptDir === undefined
        ? 'a relative name is also looked up in PROMPT_DIR, which is not set'
        : 'give the path of a CSV (size,…,prompt) or JSONL file',
  })
}
