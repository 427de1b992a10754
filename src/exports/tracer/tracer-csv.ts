import { resolve } from 'node:path'
import { LayerlineError } from '../../base/errors.ts'
import type { ExportedFile, ExportOptions } from '../export-options.ts'
import { outFolder } from '../out-file.ts'
import { openSealedRun, type SealedRun } from '../sealed-run.ts'
import { sampledGpus } from './gpus.ts'
import { writeResultTables } from './result-tables.ts'
import { writeSampleTrace } from './sample-trace.ts'
import { writeVision } from './vision.ts'

/** The Tracer's own files. */
export async function writeTracerCsv(folder: string, out: string, options: ExportOptions): Promise<ExportedFile[]> {
  const { vision, tables, split } = options
  const chosen = [vision === true, tables === true, split !== undefined].filter(Boolean).length
  if (chosen > 1) throw new LayerlineError('usage/arguments', '--split, --vision, --tables: expected one of them')
  const oneFile = /\.csv$/i.test(out)
  if (oneFile && chosen === 1) {
    throw new LayerlineError('usage/arguments', `--out ${out}: several files will be written; expected a folder`)
  }
  if (tables && (options.fromNs ?? options.toNs) !== undefined)
    throw new LayerlineError('usage/arguments', '--tables: summarises whole runs; --from and --to do not go with it')
  const run = await openSealedRun(folder)
  try {
    const path = resolve(out)
    if (tables) {
      const names = await gpuNames(run)
      outFolder(path)
      return await writeResultTables(run, names, path)
    }
    const gpus = await sampledGpus(run)
    outFolder(oneFile ? resolve(path, '..') : path)
    return await (vision ? writeVision : writeSampleTrace)(run, gpus, path, options)
  } finally {
    run.close()
  }
}

/** The GPUs' names for a table; empty where none was sampled. */
async function gpuNames(run: SealedRun): Promise<string> {
  try {
    return [...new Set((await sampledGpus(run)).map(({ name }) => name))].join('+')
  } catch (error) {
    if (error instanceof LayerlineError && error.code === 'input/no-gpu-samples') return ''
    throw error
  }
}
