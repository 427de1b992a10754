import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { reportText } from '../../dashboard/report/report-view.ts'
import { printable } from '../../dashboard/text/text.ts'
import { recordOs, runCommand } from '../../session/os-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { librariesOfCommand } from '../../sources/os/libraries.ts'
import { type OsSource, prepareOs } from '../../sources/os/os-source.ts'
import { hasColor } from '../views/print-report.ts'
import { osTarget, type TargetOptions } from './os-target.ts'
import { countLines, type OsViewOptions, osView } from './os-view.ts'
import { parseOsWindow } from './os-window.ts'

export interface OsRunOptions extends OsViewOptions {
  readonly probes: readonly string[] | undefined
  readonly window: string | undefined
  readonly out: string | undefined
  readonly json: boolean
}

export interface AttachOptions extends OsRunOptions, TargetOptions {
  readonly duration: number | undefined
}

const SIMULATE = new URL(
  '../../../python/layerline_os/layerline_os/simulate.py',
  import.meta.url.replace('/dist/src/', '/src/'),
)
/** Whether a target is still there is looked at so often. */
const ALIVE_MS = 500

/** The program of known behaviour, as a command. */
export function simulation(): string[] {
  return ['python3', fileURLToPath(SIMULATE)]
}

/** Records a command from its first instruction to its end; resolves with its exit code. */
export async function runOs(command: readonly string[], options: OsRunOptions): Promise<number> {
  const source = await prepareOs({
    target: { kind: 'processes', pids: [], childrenOf: process.pid },
    probes: options.probes,
    libraries: librariesOfCommand(command, process.env),
    window: parseOsWindow(options.window),
  })
  // Where standard output is ours, the command's goes beside it.
  const output = options.json || options.events ? 'stderr' : 'stdout'
  return record(source, options, { command }, () => runCommand(command, output))
}

/** Records what runs already until it ends, a time is over, or Ctrl-C. */
export async function attachOs(options: AttachOptions): Promise<number> {
  const { target, pids } = osTarget(options)
  const source = await prepareOs({ target, probes: options.probes, window: parseOsWindow(options.window) })
  const stop = new StopSignal().install()
  try {
    const watch = async () => {
      const end = performance.now() + (options.duration ?? Number.POSITIVE_INFINITY) * 1000
      while (stop.stage === 'running' && performance.now() < end) {
        if (pids.length > 0 && !pids.some((pid) => existsSync(`/proc/${pid}`))) break
        await sleep(Math.min(ALIVE_MS, Math.max(1, end - performance.now())))
      }
      return EXIT.done
    }
    return await record(source, options, { target }, watch, () => stop.advance('cut'))
  } finally {
    stop.release()
  }
}

async function record(
  source: OsSource,
  options: OsRunOptions,
  what: Record<string, unknown>,
  watch: () => Promise<number>,
  failed?: () => void,
): Promise<number> {
  const note = (text: string): void => {
    if (!options.quiet) process.stderr.write(`${printable(text)}\n`)
  }
  if (source.problem !== null) note(source.problem)
  const view = await osView(source, options).catch(async (error: unknown) => {
    await source.stop()
    throw error
  })
  const run = await recordOs({
    command: 'os',
    out: options.out,
    config: { ...what, probes: options.probes ?? null },
    source,
    watch: () => watch().finally(() => view.close()),
    note,
    ...(failed === undefined ? {} : { failed }),
  }).finally(() => view.close())
  const { folder, counts, exitCode, report } = run
  if (options.json) {
    const { os, verdict } = report
    const result = {
      run: folder,
      exit_code: exitCode,
      counts,
      missing: source.missing,
      without: source.problem,
      os,
      verdict,
    }
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  } else if (!options.quiet) {
    const text = reportText(report, { width: process.stderr.columns ?? 100, color: hasColor() })
    process.stderr.write(`\n${text}\n${countLines(counts).join('\n')}\n\nrun: ${folder}\n`)
  }
  return exitCode
}

export function noCommand(): LayerlineError {
  return new LayerlineError('usage/arguments', 'os run: no command given', {
    hint: 'layerline os run -- python3 generate.py',
  })
}
