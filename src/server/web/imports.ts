import { createWriteStream, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { copied } from '../../base/bounded-wait.ts'
import { LayerlineError } from '../../base/errors.ts'
import { scratchFolder } from '../../base/scratch-folder.ts'
import { runTool } from '../../base/tool.ts'
import type { ImportState } from './api-types.ts'
import { Gate } from './gate.ts'
import type { Self } from './run/report-of-run.ts'
import type { ServedRuns } from './run/served-runs.ts'

const LIMIT_MS = 30 * 60_000
const MOST_BYTES = 8 * 2 ** 30

/** Files that were dropped on the page: received, then made a run of by `layerline import` in a process of its own, one at a time. */
export class Imports {
  private readonly runs: ServedRuns
  private readonly self: Self | null
  private readonly states = new Map<string, ImportState>()
  private readonly line = new Gate(1, 20)
  private readonly stopping = new AbortController()
  private count = 0

  constructor(runs: ServedRuns, self: Self | null) {
    this.runs = runs
    this.self = self
  }

  state(id: string): ImportState {
    const state = this.states.get(id)
    if (state === undefined) throw new LayerlineError('input/import', `no import ${id.slice(0, 40)}`)
    return state
  }

  /** Receives a file, and starts to read it; the result is asked for by the id. */
  async receive(name: string, body: ReadableStream<Uint8Array>): Promise<ImportState> {
    if (this.self === null) throw new LayerlineError('usage/import', 'this page does not import files')
    const file = name.replace(/[^\w.+-]+/g, '_').slice(-120) || 'dropped'
    const scratch = scratchFolder('import')
    const path = join(scratch, file.startsWith('.') ? `file${file}` : file)
    try {
      let bytes = 0
      const counted = Readable.fromWeb(body as never).map((part: Uint8Array) => {
        bytes += part.length
        if (bytes > MOST_BYTES)
          throw new LayerlineError('input/import-size', `${file}: larger than 8 GiB`, {
            hint: `layerline import ${file}`,
          })
        return part
      })
      await copied(counted, createWriteStream(path), LIMIT_MS)
    } catch (error) {
      rmSync(scratch, { recursive: true, force: true })
      throw error
    }
    const id = String(++this.count)
    this.states.set(id, { id, file, state: 'reading', progress: null, run: null, error: null })
    void this.read(id, path).finally(() => rmSync(scratch, { recursive: true, force: true }))
    return this.state(id)
  }

  close(): void {
    this.stopping.abort()
  }

  private async read(id: string, path: string): Promise<void> {
    const { file } = this.state(id)
    const [program = '', ...first] = this.self ?? []
    const name = this.freeName(file)
    try {
      mkdirSync(this.runs.root, { recursive: true })
      const out = this.runs.folderFor(name)
      const result = await this.line.run(() =>
        runTool(program, [...first, 'import', path, '--out', out], { limit: LIMIT_MS, signal: this.stopping.signal }),
      )
      if (result.how !== 'ended' || result.code !== 0) throw failure(result.stderr, path, file)
      this.states.set(id, { ...this.state(id), state: 'done', progress: 1, run: name })
    } catch (error) {
      const { code, message, hint } =
        error instanceof LayerlineError ? error : new LayerlineError('internal/import', String(error))
      this.states.set(id, { ...this.state(id), state: 'failed', error: { code, message, hint: hint ?? null } })
    }
  }

  private freeName(file: string): string {
    const base =
      file.replace(/(\.pt\.trace)?\.(json|jsonl|csv|gz|zst)(\.(gz|zst))?$/i, '').replace(/^\.+/, '') || 'imported'
    for (let i = 1; ; i++) {
      const name = i === 1 ? base : `${base}-${i}`
      if (!existsSync(this.runs.folderFor(name))) return name
    }
  }
}

/** The message of `import`, without the temporary folder of the file. */
function failure(stderr: string, path: string, file: string): LayerlineError {
  const lines = stderr
    .replaceAll(path, file)
    .split('\n')
    .map((line) => line.trim())
    .filter(Boolean)
  const hint = lines
    .find((line) => line.startsWith('->'))
    ?.slice(2)
    .trim()
  const text = lines.find((line) => !line.startsWith('->')) ?? 'the file could not be imported'
  return new LayerlineError('input/import', text.replace(/^layerline:\s*/, ''), hint === undefined ? {} : { hint })
}
