import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { analyseRun } from '../analysis/analyse-run.ts'
import type { Report } from '../analysis/report.ts'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'
import { hostProvenance } from '../sources/host/provenance.ts'
import type { OsCount } from '../sources/os/os-messages.ts'
import type { OsSource } from '../sources/os/os-source.ts'
import { openRun } from '../store/read/open-run.ts'
import { Recording } from './recording.ts'
import { sourceContext } from './source-context.ts'

export interface OsRunOptions {
  readonly command: string
  readonly out: string | undefined
  readonly config: Record<string, unknown>
  /** Its probes are attached already. */
  readonly source: OsSource
  /** Waits for the end of what is looked at; resolves with the exit code that is passed on. */
  readonly watch: () => Promise<number>
  readonly note: (text: string) => void
  readonly started?: (folder: string) => void
  /** The run cannot be recorded any further: what is watched need not be any more. */
  readonly failed?: () => void
}

export interface OsRun {
  readonly folder: string
  readonly report: Report
  readonly counts: readonly OsCount[]
  readonly exitCode: number
}

/** One run of the layer alone, from its folder to its seal. */
export async function recordOs(options: OsRunOptions): Promise<OsRun> {
  const { source } = options
  try {
    await using recording = await Recording.start(
      {
        command: options.command,
        out: options.out,
        config: options.config,
        sampling: {},
        seed: 0,
        hosts: [hostProvenance()],
        engine: null,
      },
      () => options.failed?.(),
    )
    options.started?.(recording.folder)
    let exitCode: number
    try {
      await source.start(sourceContext(recording, options.note))
      exitCode = await options.watch()
    } catch (error) {
      await source.stop()
      if (recording.failure === null) await recording.finish('failure')
      throw error
    }
    await source.stop()
    if (recording.failure !== null) throw recording.failure
    await recording.finish()
    const reader = await openRun(recording.folder)
    try {
      const report = await analyseRun(reader)
      recording.conclude(report.verdict)
      return { folder: recording.folder, report, counts: source.counts(), exitCode }
    } finally {
      await reader.close()
    }
  } finally {
    await source.stop()
  }
}

const PASSED_ON = ['SIGTERM', 'SIGHUP'] as const

/**
 * Runs a command to its end and resolves with its exit code, or 128 and the number of the signal that ended it. Ctrl-C
 * reaches it by the terminal. `outputTo`: where its standard output goes.
 */
export async function runCommand(argv: readonly string[], outputTo: 'stdout' | 'stderr'): Promise<number> {
  const [program = '', ...args] = argv
  const child: ChildProcess = spawn(program, args, { stdio: ['inherit', outputTo === 'stdout' ? 1 : 2, 2] })
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal)
  }
  const ignore = (): void => undefined
  process.on('SIGINT', ignore)
  for (const signal of PASSED_ON) process.on(signal, passOn)
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => {
        const text = errorCode(cause) === 'ENOENT' ? 'there is no such program' : errorText(cause)
        reject(new LayerlineError('input/command', `${program}: ${text}`, { cause }))
      })
      child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])))
    })
  } finally {
    process.off('SIGINT', ignore)
    for (const signal of PASSED_ON) process.off(signal, passOn)
  }
}
