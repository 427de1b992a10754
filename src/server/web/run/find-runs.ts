import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import { readRunJson } from '../../../store/run-folder.ts'
import type { RunRow } from '../api-types.ts'
import { readLabels } from './labels.ts'

const MOST_RUNS = 2000
const DEPTH = 3

/** A run's folder below what is served, by the id that its address has. */
export interface FoundRun {
  readonly id: string
  readonly folder: string
  /** As a command takes it, from where the program was started. */
  readonly path: string
}

/** The runs in a folder and in the folders of that (a sweep, a batch), newest first; of a run's own folder that one. */
export function findRuns(root: string, cwd = process.cwd()): FoundRun[] {
  const top = resolve(root)
  const found: FoundRun[] = []
  const add = (folder: string) => {
    const below = relative(cwd, folder)
    const id = folder === top ? basename(top) : relative(top, folder).split('/').join('~')
    found.push({ id, folder, path: below === '' ? '.' : below.startsWith('..') ? folder : below })
  }
  const look = (folder: string, depth: number) => {
    if (found.length >= MOST_RUNS) return
    if (existsSync(join(folder, 'run.json'))) {
      add(folder)
      return
    }
    if (depth === 0) return
    for (const entry of entriesOf(folder)) {
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
        look(join(folder, entry.name), depth - 1)
    }
  }
  look(top, DEPTH)
  return found
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

/** A run as the list shows it, from its run.json alone. */
export function runRow({ id, folder, path }: FoundRun): RunRow {
  const labels = readLabels(folder)
  try {
    const run = readRunJson(folder)
    const [start, end] = [Date.parse(run.started), run.ended === null ? Number.NaN : Date.parse(run.ended)]
    return {
      id,
      path,
      run_id: run.run_id,
      state: run.state,
      command: run.command,
      started: run.started,
      duration_s: Number.isFinite(end - start) ? (end - start) / 1000 : null,
      model: run.engine?.model ?? null,
      engine: [run.engine?.server, run.engine?.version].filter(Boolean).join(' ') || null,
      rows: Object.fromEntries(Object.entries(run.layers).map(([table, { rows }]) => [table, rows])),
      bytes: bytesOf(folder),
      verdict: run.verdict,
      ...labels,
      problem: run.state === 'interrupted' ? `cut off: layerline recover ${path}` : null,
    }
  } catch (error) {
    const hint = error instanceof LayerlineError && error.hint !== undefined ? ` -> ${error.hint}` : ''
    return {
      id,
      path,
      run_id: basename(folder),
      state: 'interrupted',
      command: '',
      started: '',
      duration_s: null,
      model: null,
      engine: null,
      rows: {},
      bytes: 0,
      verdict: [],
      ...labels,
      problem: `${errorText(error)}${hint}`,
    }
  }
}

function bytesOf(folder: string): number {
  let bytes = 0
  for (const entry of entriesOf(folder)) {
    if (!entry.isDirectory()) continue
    for (const file of entriesOf(join(folder, entry.name))) {
      if (file.isFile()) bytes += statSync(join(folder, entry.name, file.name), { throwIfNoEntry: false })?.size ?? 0
    }
  }
  return bytes
}
