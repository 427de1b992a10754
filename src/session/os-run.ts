import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { analyseRun } from '../analysis/analyse-run.ts'
import type { Report } from '../analysis/report.ts'
import { childEnd, LATE } from '../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../base/errors.ts'
import { interruption } from '../base/interruption.ts'
import { hostProvenance } from '../sources/host/provenance.ts'
import type { OsCount } from '../sources/os/os-messages.ts'
import type { OsSource } from '../sources/os/os-source.ts'
import { openRun } from '../store/read/open-run.ts'
import type { SealProgress } from '../store/seal/seal.ts'
import { Recording } from './recording.ts'
import { sourceContext } from './source-context.ts'

export interface OsRunOptions {
  readonly command: string
  readonly out: string | undefined
  readonly config: Record<string, unknown>
  /** Its probes are attached already. */
  readonly source: OsSource
  /** Waits for the end of the observed program; resolves with the exit code that is passed on. */
  readonly watch: () => Promise<number>
  readonly note: (text: string) => void
  readonly started?: (folder: string) => void
  readonly sealing?: (progress: SealProgress) => void
  /** Its rows are in files; the report is being made. */
  readonly analysing?: () => void
  /** The run cannot be recorded any further: the observed program may end. */
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
    await recording.finish('done', options.sealing)
    options.analysing?.()
    const reader = await openRun(recording.folder)
    try {
      const report = await analyseRun(reader)
      recording.conclude(report)
      return { folder: recording.folder, report, counts: source.counts(), exitCode }
    } finally {
      await reader.close()
    }
  } finally {
    await source.stop()
  }
}

/** After this many ignored signals the command is killed. */
const MOST_SIGNALS = 3

/**
 * Runs a command to its end and resolves with its exit code, or 128 and the number of the signal that ended it. Ctrl-C
 * reaches it by the terminal; other signals are passed on. `outputTo`: where its standard output goes; `onOutput`
 * receives it too.
 */
export async function runCommand(
  argv: readonly string[],
  outputTo: 'stdout' | 'stderr',
  onOutput?: (text: string) => void,
): Promise<number> {
  const [program = '', ...args] = argv
  const output = onOutput === undefined ? (outputTo === 'stdout' ? 1 : 2) : 'pipe'
  const child: ChildProcess = spawn(program, args, { stdio: ['inherit', output, 2] })
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    process[outputTo].write(text)
    onOutput?.(text)
  })
  let signals = 0
  const letGo = interruption.take((signal) => {
    if (++signals >= MOST_SIGNALS) child.kill('SIGKILL')
    else if (signal !== 'SIGINT') child.kill(signal)
  })
  try {
    const end = await childEnd(child, { endedBy: 'the command itself, which may take as long as it likes' })
    if (end === LATE) return 0
    if (end.error !== null) {
      const text = errorCode(end.error) === 'ENOENT' ? 'there is no such program' : errorText(end.error)
      throw new LayerlineError('input/command', `${program}: ${text}`, { cause: end.error })
    }
    return end.code ?? 128 + (end.signal === null ? 0 : constants.signals[end.signal])
  } finally {
    letGo()
  }
}
