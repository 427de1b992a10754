import { LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { packageFile } from '../../base/package-files.ts'
import { firstLine, runTool } from '../../base/tool.ts'
import { knownAmounts } from './known-amounts.ts'
import { type OsRunOptions, runOs } from './run-os.ts'

const SIMULATE = 'python/layerline_os/layerline_os/simulate.py'
const PYTHON_MS = 20_000
/** Runs the program of known behaviour, and says of each amount whether it was counted; exit code 1 where one is off. */
export async function runSimulation(options: OsRunOptions): Promise<number> {
  const command = [await realPython(), packageFile(SIMULATE)]
  return runOs(command, options, knownAmounts)
}

/** The interpreter itself: `python3` may be a shim that starts others first. */
async function realPython(): Promise<string> {
  const asked = ['-c', 'import sys; print(sys.executable)']
  const { code, how, stdout, stderr } = await runTool('python3', asked, {
    limit: PYTHON_MS,
    signal: interruption.signal,
  })
  interruption.signal.throwIfAborted()
  if (code === 0 && stdout.trim() !== '') return stdout.trim()
  throw new LayerlineError('missing/python3', `os run --simulate: python3: ${firstLine(stderr) ?? how}`, {
    hint: 'Debian: apt-get install python3',
  })
}
