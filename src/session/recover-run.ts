import { analyseRun } from '../analysis/analyse-run.ts'
import { openRun } from '../store/read/open-run.ts'
import { writeRunJson } from '../store/run-folder.ts'
import { recoverRun as recoverRows } from '../store/seal/recover.ts'
import type { SealProgress } from '../store/seal/seal.ts'
import type { RunJson } from '../trace/run-json.ts'

/** Seals what a crash left open, and judges sealed runs without a verdict, as the end of a run would have. */
export async function recoverRun(
  folder: string,
  onProgress?: (progress: SealProgress) => void,
): Promise<{ run: RunJson; wasOpen: boolean; judged: boolean }> {
  const recovered = await recoverRows(folder, onProgress)
  // The notes of an import exist only here; and every verdict of a recorded run has at least one line.
  const isJudged = !recovered.wasOpen && recovered.run.verdict.length > 0
  if (isJudged || recovered.run.command === 'import') return { ...recovered, judged: false }
  const reader = await openRun(folder)
  try {
    const { verdict, books } = await analyseRun(reader)
    const run = { ...recovered.run, verdict, books }
    writeRunJson(reader.folder, run)
    return { run, wasOpen: recovered.wasOpen, judged: true }
  } finally {
    await reader.close()
  }
}
