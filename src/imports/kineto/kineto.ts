import { statSync } from 'node:fs'
import { basename } from 'node:path'
import type { FolderReader, ImportOptions } from '../import-format.ts'
import type { ImportInput } from '../import-input.ts'
import type { RunWriter } from '../run-writer.ts'
import { TraceImport } from './import-trace.ts'
import { isTrace } from './sniff.ts'

/** Profiles of PyTorch and vLLM, and other traces in Chrome's JSON; of a folder each file is a rank. */
export const kineto: FolderReader = {
  async find(input) {
    const traces: string[] = []
    for (const file of input.files().json) if (await isTrace(file)) traces.push(file)
    return traces
  },
  read,
}

async function read(
  paths: readonly string[],
  run: RunWriter,
  { stacks, args, onProgress }: ImportOptions,
  input: ImportInput,
): Promise<readonly string[]> {
  let reading: TraceImport | null = null
  try {
    reading = await TraceImport.open(run, { stacks, args })
    const total = paths.reduce((sum, path) => sum + statSync(path).size, 0)
    let before = 0
    for (const path of paths) {
      const file = basename(path)
      await reading.read(path, (done) => onProgress({ file, done: before + done, total }))
      before += statSync(path).size
    }
    await reading.finish()
    const others = input.files().json.length - paths.length
    if (others > 0) run.note('note', 'import', `${others} JSON files beside them are no traces, and were left`)
    return paths
  } finally {
    reading?.close()
  }
}
