import { createReadStream, existsSync } from 'node:fs'
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { csvLine } from '../../base/csv-line.ts'
import { errorCode, errorText, LayerlineError } from '../../base/errors.ts'
import { type PromptRow, parsePrompts } from '../prompts.ts'
import type { PromptSetRow } from './plan.ts'

const COLUMNS = [
  'size',
  'stage',
  'unit',
  'id',
  'max_tokens',
  'element',
  'prompt_tokens',
  'question_tokens',
  'bos_tokens',
  'template_tokens',
  'prompt',
] as const satisfies readonly (keyof PromptSetRow)[]

const FORMATS = {
  '.csv': { header: `${COLUMNS.join(',')}\n`, line: (row: PromptSetRow) => csvLine(COLUMNS.map((name) => row[name])) },
  '.jsonl': {
    header: '',
    line: (row: PromptSetRow) =>
      `${JSON.stringify(Object.fromEntries(COLUMNS.filter((name) => row[name] !== null).map((name) => [name, row[name]])))}\n`,
  },
} as const

/**
 * A set being written: `<out>.part` grows by one row at a time and is renamed when it is complete; `<out>.part.json`
 * holds its plan, so that the same command resumes where it was cut off.
 */
export class PromptSetFile {
  readonly out: string
  /** Rows that are already there. */
  readonly done: number
  private readonly file: FileHandle
  private readonly format: (typeof FORMATS)[keyof typeof FORMATS]

  private constructor(out: string, done: number, file: FileHandle, format: PromptSetFile['format']) {
    this.out = out
    this.done = done
    this.file = file
    this.format = format
  }

  /**
   * Opens a new file, or the part of one whose `identity` is the same; rows of that are given to `seen`. Throws
   * `input/out-exists` and `input/part-differs`.
   */
  static async open(
    out: string,
    identity: Record<string, unknown>,
    seen: (row: PromptRow) => void,
  ): Promise<PromptSetFile> {
    checkOut(out)
    const format = formatOf(out)
    const part = partOf(out)
    const plan = `${JSON.stringify(identity, null, 2)}\n`
    try {
      const begun = await begunPart(part, plan, identity)
      if (!begun) await writeFile(`${part}.json`, plan)
      const file = await open(part, begun ? 'r+' : 'w', 0o644)
      const end = begun ? await wholeLines(part) : 0
      await file.truncate(end)
      let done = 0
      if (end === 0) await file.write(format.header, 0)
      else if (end > format.header.length) {
        for await (const row of parsePrompts(createReadStream(part), part)) {
          done++
          seen(row)
        }
      }
      await file.close()
      return new PromptSetFile(out, done, await open(part, 'a'), format)
    } catch (cause) {
      if (cause instanceof LayerlineError) throw cause
      throw new LayerlineError('input/out', `${part}: ${errorText(cause)}`, {
        hint: 'is the folder there, and may you write to it?',
        cause,
      })
    }
  }

  async append(row: PromptSetRow): Promise<void> {
    await this.file.appendFile(this.format.line(row))
  }

  /** Gives the whole file its name. */
  async finish(): Promise<void> {
    await this.file.sync()
    await this.file.close()
    await rename(partOf(this.out), this.out)
    await rm(`${partOf(this.out)}.json`, { force: true })
  }

  /** Leaves the part file, to be resumed. */
  async leave(): Promise<void> {
    await this.file.close()
  }
}

/** Throws `usage/out` for a name that says no format. */
export function formatOf(out: string): (typeof FORMATS)[keyof typeof FORMATS] {
  const format = FORMATS[extname(out).toLowerCase() as keyof typeof FORMATS]
  if (format !== undefined) return format
  throw new LayerlineError(
    'usage/out',
    `--out ${out}: expected a name that ends in ${Object.keys(FORMATS).join(' or ')}`,
  )
}

/** Throws `usage/out` and `input/out-exists`. */
export function checkOut(out: string): void {
  formatOf(out)
  if (!existsSync(out)) return
  throw new LayerlineError('input/out-exists', `${out}: there is already something of that name`, {
    hint: 'give another --out, or move it away',
  })
}

export function partOf(out: string): string {
  return `${out}.part`
}

/** The seed of a set that was cut off, for a command that names none; null where there is no such set. */
export async function seedOfPart(out: string): Promise<number | null> {
  if (!existsSync(partOf(out))) return null
  try {
    const { seed } = JSON.parse(await readFile(`${partOf(out)}.json`, 'utf8')) as { seed?: unknown }
    return Number.isSafeInteger(seed) ? (seed as number) : null
  } catch {
    return null
  }
}

async function begunPart(part: string, plan: string, identity: Record<string, unknown>): Promise<boolean> {
  if (!existsSync(part)) return false
  const before = await readFile(`${part}.json`, 'utf8').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return ''
    throw error
  })
  if (before === plan) return true
  throw new LayerlineError(
    'input/part-differs',
    `${part}: begun with other settings: ${differences(before, identity)}`,
    {
      hint: 'repeat the same command to resume it, delete it, or give another --out',
    },
  )
}

function differences(before: string, identity: Record<string, unknown>): string {
  let old: Record<string, unknown>
  try {
    old = JSON.parse(before) as Record<string, unknown>
  } catch {
    return 'its .part.json does not say which'
  }
  const names = Object.keys({ ...old, ...identity })
  const differing = names.filter((name) => JSON.stringify(old[name]) !== JSON.stringify(identity[name]))
  return differing
    .map((name) => `${name} ${JSON.stringify(old[name])}, now ${JSON.stringify(identity[name])}`)
    .join('; ')
}

/** The length of the file up to its last line end: rows contain no line ends, so what follows was cut off. */
async function wholeLines(path: string): Promise<number> {
  let at = 0
  let end = 0
  for await (const bytes of createReadStream(path) as AsyncIterable<Buffer>) {
    const last = bytes.lastIndexOf(0x0a)
    if (last !== -1) end = at + last + 1
    at += bytes.length
  }
  return end
}
