import { accessSync, constants, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import { withFileLock } from '../../../base/file-lock.ts'
import { writeFileAtomic } from '../../../store/run-folder.ts'
import { type ModelRef, modelFolder } from './models.ts'

const BOOK = '_MODELS.json'

const entrySchema = z.object({
  folder: z.string(),
  state: z.enum(['ready', 'refused', 'unknown']),
  /** Where its weights are. */
  path: z.string().nullable(),
  reason: z.string().nullable(),
  message: z.string().nullable(),
  at: z.string(),
})
const schema = z.record(z.string(), entrySchema)
export type BookEntry = z.output<typeof entrySchema>

/**
 * The hub's final answers about a model: asking again changes nothing until access is granted or the model is uploaded.
 */
const LASTING = ['gated', 'missing']

/** What is known of each model from one batch to the next, in the folder of all traces. */
export class ModelBook {
  private readonly file: string

  constructor(outputDir: string) {
    try {
      mkdirSync(outputDir, { recursive: true })
      accessSync(outputDir, constants.W_OK)
    } catch (cause) {
      throw new LayerlineError('input/out-unwritable', `--output-dir ${outputDir}: ${errorText(cause)}`, {
        hint: 'name a folder that you may write to',
        cause,
      })
    }
    this.file = join(outputDir, BOOK)
  }

  read(): Record<string, BookEntry> {
    if (!existsSync(this.file)) return {}
    try {
      return schema.parse(JSON.parse(readFileSync(this.file, 'utf8')))
    } catch {
      // A book that cannot be read costs a question to the hub.
      return {}
    }
  }

  /** Gives each model its folder, for good. */
  async folders(models: readonly ModelRef[]): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>()
    await this.change((book) => {
      for (const model of models) {
        const owner = (folder: string) => Object.keys(book).find((name) => book[name]?.folder === folder)
        const entry = book[model.name] ?? { ...NOTHING_KNOWN, folder: modelFolder(model, owner), at: now() }
        book[model.name] = entry
        found.set(model.name, entry.folder)
      }
    })
    return found
  }

  async note(model: ModelRef, what: Pick<BookEntry, 'state' | 'path' | 'reason' | 'message'>): Promise<void> {
    await this.change((book) => {
      const entry = book[model.name]
      if (entry !== undefined) book[model.name] = { ...entry, ...what, at: now() }
    })
  }

  private async change(work: (book: Record<string, BookEntry>) => void): Promise<void> {
    await withFileLock(`${this.file}.lock`, async () => {
      const book = this.read()
      work(book)
      writeFileAtomic(this.file, `${JSON.stringify(book, null, 2)}\n`)
    })
  }
}

/** Whether the answer about a model holds until the user asks for a new check. */
export function isLasting(entry: BookEntry | undefined): entry is BookEntry {
  return entry?.state === 'refused' && LASTING.includes(entry.reason ?? '')
}

const NOTHING_KNOWN = { state: 'unknown', path: null, reason: null, message: null } as const

function now(): string {
  return new Date().toISOString()
}
