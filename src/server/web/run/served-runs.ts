import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { LayerlineError } from '../../../base/errors.ts'
import { readRunJson } from '../../../store/run-folder.ts'
import { Gate } from '../gate.ts'
import { type FoundRun, findRuns } from './find-runs.ts'
import type { Self } from './report-of-run.ts'
import { ServedRun } from './served-run.ts'

/** Databases open at a time; the one that was used longest ago is closed for another. */
const MOST_OPEN = 4

/** The runs of a folder, opened as they are asked for. */
export class ServedRuns {
  readonly root: string
  private readonly self: Self | null
  private readonly open = new Map<string, Promise<ServedRun>>()
  private readonly reports = new Gate(1, 20)

  constructor(root: string, self: Self | null) {
    this.root = root
    this.self = self
  }

  list(): FoundRun[] {
    return findRuns(this.root)
  }

  find(id: string): FoundRun {
    const found = this.list().find((run) => run.id === id)
    if (found === undefined) throw new LayerlineError('input/run', `no run ${id.slice(0, 100)} in ${this.root}`)
    return found
  }

  /** Opens the run if it is not yet; one that was sealed since is opened anew. */
  async get(id: string): Promise<ServedRun> {
    const known = this.open.get(id)
    if (known !== undefined) {
      const run = await known
      const sealedSince = run.live && readRunJson(run.found.folder).state === 'sealed'
      if (!sealedSince) {
        this.open.delete(id)
        this.open.set(id, known)
        return run
      }
      await this.forget(id)
    }
    const found = this.find(id)
    const opening = ServedRun.open(found, this.self, this.reports)
    this.open.set(id, opening)
    opening.catch(() => this.open.delete(id))
    for (const oldest of [...this.open.keys()].slice(0, Math.max(0, this.open.size - MOST_OPEN)))
      void this.forget(oldest)
    return opening
  }

  /** Removes a sealed run's folder. */
  async remove(id: string): Promise<void> {
    const found = this.find(id)
    if (readRunJson(found.folder).state === 'recording') {
      throw new LayerlineError('usage/recording', 'the run is still being recorded', {
        hint: 'end the recording first',
      })
    }
    await this.forget(id)
    rmSync(found.folder, { recursive: true, force: true })
  }

  /** Where an import writes. */
  folderFor(name: string): string {
    return join(this.root, name)
  }

  async close(): Promise<void> {
    await Promise.all([...this.open.keys()].map((id) => this.forget(id)))
  }

  private async forget(id: string): Promise<void> {
    const known = this.open.get(id)
    this.open.delete(id)
    const run = await known?.catch(() => null)
    await run?.close()
  }
}
