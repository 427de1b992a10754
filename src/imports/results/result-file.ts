import { closeSync, createReadStream, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { basename } from 'node:path'
import { createInterface } from 'node:readline'
import type { ZodType } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import type { RunWriter } from '../run-writer.ts'

/** How a load tool's results become a run. */
export interface ResultFormat {
  readonly id: string
  /** One sentence for the help. */
  readonly about: string
  /** Whether a file that begins so is of this format. */
  detect(head: string): boolean
  /** Reads the file into one run; calls `setEpoch` before the first row. */
  read(file: ResultFile, run: RunWriter): Promise<void>
}

const HEAD_BYTES = 1 << 14
/** A text has to fit into one string of V8's. */
const MAX_JSON_BYTES = 400e6

/** A file of JSON, or of one JSON object a line. */
export class ResultFile {
  readonly path: string
  readonly name: string
  readonly head: string

  constructor(path: string) {
    this.path = path
    this.name = basename(path)
    this.head = headOf(path)
  }

  get looksLikeJson(): boolean {
    return this.head.startsWith('{')
  }

  /** The whole file as one object, checked. Throws `input/import-json`, `input/import-value` and `input/import-large`. */
  json<T>(schema: ZodType<T>): T {
    const { size } = statSync(this.path)
    if (size > MAX_JSON_BYTES) {
      throw new LayerlineError('input/import-large', `${this.path}: ${Math.round(size / 1e6)} MB of one JSON text`, {
        hint: `up to ${MAX_JSON_BYTES / 1e6} MB are read: let the tool write fewer requests into a file`,
      })
    }
    return this.checked(this.parsed(readFileSync(this.path, 'utf8').replace(/^\uFEFF/, ''), 1), schema, 1)
  }

  /** Each line's object, checked; `prepare` may change its text before. A last line that was cut off is handed over as null. */
  async *lines<T>(schema: ZodType<T>, prepare: (text: string) => string = (text) => text): AsyncGenerator<T | null> {
    const lines = createInterface({ input: createReadStream(this.path), crlfDelay: Number.POSITIVE_INFINITY })
    const endsWhole = lastByte(this.path) === 0x0a
    let line = 0
    let held: string | null = null
    for await (const text of lines) {
      if (held !== null && held.trim() !== '') yield this.checked(this.parsed(prepare(held), line), schema, line)
      held = line === 0 ? text.replace(/^\uFEFF/, '') : text
      line++
    }
    if (held === null || held.trim() === '') return
    let value: unknown
    try {
      value = this.parsed(prepare(held), line)
    } catch (error) {
      if (endsWhole) throw error
      yield null
      return
    }
    yield this.checked(value, schema, line)
  }

  private parsed(text: string, line: number): unknown {
    try {
      return JSON.parse(text)
    } catch (cause) {
      throw new LayerlineError(
        'input/import-json',
        `${this.path}:${line}: not JSON: ${String((cause as Error).message)}`,
        {
          hint: 'the file was cut off, or holds several results: a result a file is read',
          cause,
        },
      )
    }
  }

  private checked<T>(value: unknown, schema: ZodType<T>, line: number): T {
    const parsed = schema.safeParse(value)
    if (parsed.success) return parsed.data
    const issue = parsed.error.issues[0]
    throw new LayerlineError(
      'input/import-value',
      `${this.path}:${line}: ${issue?.path.join('.')}: ${issue?.message}`,
      {
        hint: 'the file is damaged, or of another version of the tool',
      },
    )
  }
}

function headOf(path: string): string {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    return head
      .toString('utf8', 0, readSync(fd, head, 0, HEAD_BYTES, 0))
      .replace(/^\uFEFF/, '')
      .trimStart()
  } finally {
    closeSync(fd)
  }
}

function lastByte(path: string): number | undefined {
  const { size } = statSync(path)
  if (size === 0) return undefined
  const fd = openSync(path, 'r')
  try {
    const byte = Buffer.alloc(1)
    readSync(fd, byte, 0, 1, size - 1)
    return byte[0]
  } finally {
    closeSync(fd)
  }
}
