import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { LayerlineError } from '../../../base/errors.ts'

const MAGIC = 'GGUF'

/** Throws input/model where `path` is not a GGUF file, with what it is instead. */
export function checkGguf(path: string): void {
  const wrong = whatIsWrong(path)
  if (wrong === undefined) return
  throw new LayerlineError('input/model', `${path} ${wrong}; expected a GGUF file.`, {
    hint: 'Give --model a .gguf file of a text model, or omit it for the small model that comes with Layerline.',
  })
}

function whatIsWrong(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return 'does not exist'
  if (!stat.isFile()) return 'is not a file'
  const bytes = Buffer.alloc(MAGIC.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, bytes)
  } finally {
    closeSync(file)
  }
  const start = bytes.toString('latin1')
  return start === MAGIC ? undefined : `begins with ${JSON.stringify(start)}, not with ${JSON.stringify(MAGIC)}`
}
