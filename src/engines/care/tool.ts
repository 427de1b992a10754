import { LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { runTool as runBounded } from '../../base/tool.ts'

export interface ToolOptions {
  cwd: string
  env: NodeJS.ProcessEnv
  /** Called about every half second while the tool runs. */
  onTick?: () => void
  /** Called with each line of its stdout. */
  onLine?: (line: string) => void
}

const TICK_MS = 400
/** Gigabytes over a slow line take long; a longer run than this hangs. */
const LIMIT_MS = 3 * 3_600_000
const KEPT_CHARACTERS = 20_000

/**
 * Runs npm, Python or tar to its end and returns its stdout. Throws LayerlineErrors that say what to do: the tool
 * is absent, the network does not answer, the disk is full, a checksum differs, or the tool's last line.
 */
export async function runTool(command: string, args: string[], options: ToolOptions): Promise<string> {
  const { cwd, env, onTick, onLine } = options
  const tick = onTick && setInterval(onTick, TICK_MS)
  let rest = ''
  const lines = (text: string): void => {
    const all = (rest + text).split('\n')
    rest = all.pop() ?? ''
    for (const line of all) onLine?.(line)
  }
  try {
    const result = await runBounded(command, args, {
      ...{ cwd, env, limit: LIMIT_MS, signal: interruption.signal, keptBytes: KEPT_CHARACTERS },
      ...(onLine === undefined ? {} : { onStdout: lines }),
    })
    const { how, code, signal, stdout, stderr } = result
    if (rest !== '') onLine?.(rest)
    if (how === 'absent') throw absentTool(command)
    if (how === 'aborted') throw interruption.signal.reason
    if (code === 0) return stdout
    const ended = how === 'late' ? `no end after ${LIMIT_MS / 3_600_000} hours` : (code ?? signal ?? 'no status')
    throw toolFailure(command, args, ended, `${stderr}\n${stdout}`)
  } finally {
    clearInterval(tick)
  }
}

const TOOL_HINTS: Record<string, string> = {
  npm: 'Install npm (it comes with Node.js, https://nodejs.org) and try again.',
  python3:
    'Install Python >= 3.10 with pip and venv (Debian: apt install python3 python3-pip python3-venv) and try again.',
  tar: 'Install tar and try again.',
}

function absentTool(command: string): LayerlineError {
  return new LayerlineError(`missing/${command}`, `The engine is installed with ${command}, which is not on PATH.`, {
    hint: TOOL_HINTS[command] ?? `Install ${command} and try again.`,
  })
}

/** What a failed tool's output means to the user. */
export function toolFailure(command: string, args: string[], code: number | string, output: string): LayerlineError {
  const line = lastLine(output)
  const what = `${command} ${args.slice(0, 3).join(' ')}`
  if (/ENOSPC|No space left/i.test(output)) {
    return new LayerlineError('missing/disk', `The disk is full: ${what} stopped (${line}).`, {
      hint: 'Free some space, or set LAYERLINE_CACHE to a folder on another disk.',
    })
  }
  if (/EINTEGRITY|do not match the hashes/i.test(output)) {
    return new LayerlineError(
      'missing/checksum',
      `What was downloaded is not what Layerline was tested with: ${line}`,
      {
        hint: 'Try again; if it persists, a proxy or mirror changes the files.',
      },
    )
  }
  if (/No module named (pip|venv|ensurepip)|ensurepip is not available/.test(output)) {
    return new LayerlineError('missing/pip', `${what} failed: ${line}`, { hint: TOOL_HINTS.python3 })
  }
  if (
    /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNRESET|ENETUNREACH|NewConnectionError|ConnectTimeout|ProxyError|SSLError|CERT_|Name or service|No matching distribution|E404/i.test(
      output,
    )
  ) {
    return new LayerlineError('unreachable/packages', `${what} could not fetch what it needs: ${line}`, {
      hint: `Check the network, or ${command === 'npm' ? "npm's" : "pip's"} proxy and mirror settings, and run the command again: what is complete is kept.`,
    })
  }
  return new LayerlineError('missing/engine', `${what} ended with ${code}: ${line}`, {
    hint: 'Run the command again: what is complete is kept.',
  })
}

/** The last line with a message: npm ends with the path of a log. */
function lastLine(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/A complete log of this run|^npm (error|ERR!)$|^[{}\]",]*$/.test(line))
  const error = lines.filter((line) => /error|failed|no space/i.test(line)).at(-1)
  return (error ?? lines.at(-1) ?? 'it printed nothing').slice(0, 300)
}
