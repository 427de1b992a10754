import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const CHECKOUT = fileURLToPath(new URL('../../', import.meta.url))
export const LAYERLINE = `${CHECKOUT}bin/layerline`

export interface CliOptions {
  /** Added to the clean environment; undefined takes a name away. */
  env?: Record<string, string | undefined>
  /** Another program than the checkout's launcher. */
  bin?: string
  /** When the process is killed, so that nothing outlives a test that fails. */
  timeoutMs?: number
}

export interface CliResult {
  /** Null when a signal ended it. */
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface RunningCli {
  readonly pid: number
  readonly child: ChildProcessByStdio<null, Readable, Readable>
  /** What was printed so far, both streams apart. */
  stdout(): string
  stderr(): string
  /** Resolves when the stream holds the pattern; fails with what was printed if the process ends before. */
  prints(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<void>
  /** Resolves when the process is gone and its streams are read. */
  readonly ended: Promise<CliResult>
}

/** What a user's own settings would change. */
const SETTINGS =
  /^(LAYERLINE_(?!CACHE$)|SURF_|PROMPT_|TRACE_DIR|MODEL_NAME|SAMPLING_MS|GPU_LIST|OPENAI_|NO_COLOR|NODE_OPTIONS|VITEST)/

/** This process's environment without the settings that a user may have in it. */
export function cleanEnv(more: CliOptions['env'] = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !SETTINGS.test(name))
  return { ...Object.fromEntries(kept), ...more }
}

/** Runs `layerline` in a folder as a user does, to its end. */
export async function layerline(cwd: string, args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return spawnCli(cwd, args, options).ended
}

/** Starts `layerline` in a folder and hands it over running; it goes with the test. */
export function startLayerline(cwd: string, args: readonly string[], options: CliOptions = {}): RunningCli {
  const running = spawnCli(cwd, args, options)
  onTestFinished(async () => {
    running.child.kill('SIGKILL')
    await running.ended
  })
  return running
}

function spawnCli(
  cwd: string,
  args: readonly string[],
  { env, bin = LAYERLINE, timeoutMs = 400_000 }: CliOptions,
): RunningCli {
  const child = spawn(bin, [...args], { cwd, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (part: string) => {
      text[name] += part
    })
  }
  let over = false
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true
    clearTimeout(timer)
    return { code, signal, ...text } as CliResult
  })
  return {
    pid: child.pid as number,
    child,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    async prints(stream, pattern) {
      while (!pattern.test(text[stream])) {
        if (over) throw new Error(`ended without ${pattern}:\n${text.stdout}\n${text.stderr}`)
        await sleep(20)
      }
    },
    ended,
  }
}

/** Rows of a query, as `layerline sql --json` prints them. */
export async function sqlRows(cwd: string, run: string, query: string): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await layerline(cwd, ['sql', run, query, '--json'])
  if (code !== 0) throw new Error(`sql ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as Record<string, unknown>[]
}

/** Resolves when a condition holds; the test's own time limit is the bound. */
export async function until(condition: () => boolean | Promise<boolean>, everyMs = 50): Promise<void> {
  while (!(await condition())) await sleep(everyMs)
}
