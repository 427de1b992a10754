import { LayerlineError } from '../../../base/errors.ts'
import { runTool } from '../tool.ts'

/** The minor versions of Python 3 that are supported, and for what. */
export interface PythonRange {
  least: number
  most: number
  /** Ends the sentence `python3 on PATH is 3.9; …`. */
  wanted: string
}

const FETCHING: PythonRange = { least: 10, most: Number.POSITIVE_INFINITY, wanted: 'fetched with Python >= 3.10' }
const NEWEST_TRIED = 14

/** A command that starts a Python of the range: `python3`, else `python3.N`. Throws missing/python3 where there is none. */
export async function pythonCommand(env: NodeJS.ProcessEnv, range: PythonRange = FETCHING): Promise<string> {
  const found = await minorVersion('python3', env)
  if (found !== undefined && found >= range.least && found <= range.most) return 'python3'
  for (let minor = Math.min(range.most, NEWEST_TRIED); minor >= range.least; minor--) {
    const command = `python3.${minor}`
    if ((await minorVersion(command, env)) === minor) return command
  }
  const said = found === undefined ? 'is absent' : `is 3.${found}`
  throw new LayerlineError('missing/python3', `python3 on PATH ${said}; what was asked for is ${range.wanted}.`, {
    hint: 'Put such a python3, with pip and venv, on PATH (Debian: apt install python3 python3-pip python3-venv).',
  })
}

async function minorVersion(command: string, env: NodeJS.ProcessEnv): Promise<number | undefined> {
  const code = 'import sys; print("%d.%d" % sys.version_info[:2])'
  try {
    const [major, minor] = (await runTool(command, ['-c', code], { cwd: '/', env })).trim().split('.').map(Number)
    return major === 3 ? minor : undefined
  } catch {
    return undefined
  }
}
