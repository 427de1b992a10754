import { execFile } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { ColdStart } from '../../src/analysis/os/cold-start.ts'
import { packageFile } from '../../src/base/package-files.ts'
import { isWeights } from '../../src/sources/os/rows/processes.ts'
import { type ColdResult, madeHere } from './results.ts'

const run = promisify(execFile)
const LAYERLINE = packageFile('bin/layerline')
/** Of a file that was dropped, at most this share may still be in memory. */
const STILL_THERE = 0.05

/** Starts an engine as `layerline demo --os auto` does, its weights first dropped from the page cache or read into it. */
export async function coldStart(
  engine: ColdResult['engine'],
  modelPath: string,
  dropped: boolean,
  folder: string,
): Promise<ColdResult> {
  for (const file of weightFiles(modelPath)) await (dropped ? drop(file) : run('dd', [`if=${file}`, 'of=/dev/null']))
  await run(LAYERLINE, ['demo', '--engine', engine, '--turns', '1', '--os', 'auto', '--quiet', '--out', folder])
  const { stdout } = await run(LAYERLINE, ['report', folder, '--json'], { maxBuffer: 2 ** 28 })
  const { os } = JSON.parse(stdout) as { os: { cold_starts: ColdStart[] } | null }
  const start = os?.cold_starts[0]
  return {
    ...{ engine, dropped, told: start?.page_cache ?? null, storage_bytes: start?.storage_read_bytes ?? null },
    ...{ weights_ms: start?.weights_ms ?? null, init_ms: start?.init_ms ?? null, total_ms: start?.total_ms ?? null },
    ...madeHere(),
  }
}

function weightFiles(modelPath: string): string[] {
  if (!statSync(modelPath).isDirectory()) return [modelPath]
  return readdirSync(modelPath)
    .map((name) => join(modelPath, name))
    .filter(isWeights)
}

/** Of this file alone: the rest of the machine keeps its page cache. Pages that a process has mapped stay. */
async function drop(file: string): Promise<void> {
  await run('sync', [file])
  await run('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'of=/dev/null'])
  const { stdout } = await run('fincore', ['--bytes', '--noheadings', '--output', 'RES', file])
  const left = Number(stdout.trim())
  if (left > STILL_THERE * statSync(file).size)
    throw new Error(`${left} bytes of ${file} stay in memory: another process has it mapped`)
}
