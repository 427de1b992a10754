import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { atExit } from './at-exit.ts'
import { childEnd, endChild, LATE, type Limit, signalChild } from './bounded-wait.ts'
import { errorCode } from './errors.ts'

const PATIENCE_MS = 2_000
const KEPT_BYTES = 4 << 20

/** Starts a program in a process group of its own: a terminal's Ctrl-C does not reach it, and all of it ends with this process. */
export function spawnGroup(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { ...options, detached: true })
  if (child.pid === undefined) return child
  const release = atExit(() => signalChild(child, 'SIGKILL', true))
  child.once('exit', release)
  return child
}

export interface ToolOptions {
  readonly limit: Limit
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Ends it before its time. */
  readonly signal?: AbortSignal
  /** So much of each of its streams is kept, from the end. */
  readonly keptBytes?: number
  readonly onStdout?: (text: string) => void
}

/** How a tool ended. */
export interface ToolResult {
  readonly how: 'ended' | 'absent' | 'late' | 'aborted'
  /** Null where a signal ended it, or it never started. */
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs an external program to its end, within a limit; after that it is asked to end, then killed with its whole
 * process group. Rejects with the system's error if it exists and cannot be started.
 */
export async function runTool(command: string, args: readonly string[], options: ToolOptions): Promise<ToolResult> {
  const { limit, cwd, env, signal, keptBytes = KEPT_BYTES, onStdout } = options
  const child = spawnGroup(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (part: string) => {
      if (name === 'stdout') onStdout?.(part)
      text[name] = (text[name] + part).slice(-keptBytes)
    })
  }
  let aborted = false
  const onAbort = (): void => {
    aborted = true
    void endChild(child, { patienceMs: PATIENCE_MS, group: true })
  }
  if (signal?.aborted === true) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const end = await childEnd(child, limit)
    if (end === LATE) {
      await endChild(child, { patienceMs: PATIENCE_MS, group: true })
      return { how: 'late', code: null, signal: null, ...text }
    }
    if (end.error !== null) {
      if (!isAbsent(command, end.error)) throw end.error
      return { how: 'absent', code: null, signal: null, ...text }
    }
    return { how: aborted ? 'aborted' : 'ended', code: end.code, signal: end.signal, ...text }
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}

/**
 * No folder of PATH has this name for this user. A folder that may not be searched, or a file that is not executable,
 * gives EACCES.
 */
function isAbsent(command: string, error: Error): boolean {
  const code = errorCode(error)
  return code === 'ENOENT' || (code === 'EACCES' && !command.includes('/'))
}

/** The first non-empty line of a tool's output; null if there is none. */
export function firstLine(text: string): string | null {
  return (
    text
      .split('\n')
      .map((line) => line.trim())
      .find((line) => line !== '') ?? null
  )
}
