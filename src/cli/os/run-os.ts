import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { reportText } from '../../dashboard/report/report-view.ts'
import { printable } from '../../dashboard/text/text.ts'
import { recordOs, runCommand } from '../../session/os-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { librariesOfCommand } from '../../sources/os/libraries.ts'
import { type OsSource, type OsSourceOptions, prepareOs } from '../../sources/os/os-source.ts'
import { busy } from '../views/busy.ts'
import { hasColor } from '../views/print-report.ts'
import { progressLine } from '../views/progress-line.ts'
import { saysItGoesOn } from './goes-on.ts'
import { type Amounts, amountLines, amountsCode } from './known-amounts.ts'
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

/** Whether a target is still there is looked at so often. */
const ALIVE_MS = 500
const KEPT_OUTPUT = 65_536

/** Records a command from its first instruction to its end; resolves with its exit code. `amounts`: what is known of it, from what it prints. */
export async function runOs(command: readonly string[], options: OsRunOptions, amounts?: Amounts): Promise<number> {
  const source = await prepare(options, {
    target: { kind: 'processes', pids: [], childrenOf: process.pid },
    libraries: librariesOfCommand(command, process.env),
  })
  // If standard output is Layerline's, the command's output goes to standard error.
  const output = options.json || options.events ? 'stderr' : 'stdout'
  const run = (onOutput?: (text: string) => void) => {
    const over = saysItGoesOn(process.stderr, command[0] ?? '', options)
    return runCommand(command, output, onOutput).finally(over)
  }
  if (amounts === undefined) return record(source, options, { command }, () => run())
  let printed = ''
  const watch = () =>
    run((text) => {
      printed = (printed + text).slice(-KEPT_OUTPUT)
    })
  return record(source, options, { command }, watch, { amounts: () => amounts(printed, source) })
}

/** Records what runs already until it ends, a time is over, or Ctrl-C. */
export async function attachOs(options: AttachOptions): Promise<number> {
  const { target, pids } = osTarget(options)
  const source = await prepare(options, { target })
  const stop = new StopSignal().install()
  try {
    // If the events go to the terminal, they show that it is running.
    const line = progressLine(process.stderr, options.quiet || options.live || (options.events && process.stdout.isTTY))
    const watch = async () => {
      const startMs = performance.now()
      const lastsMs = (options.duration ?? Number.POSITIVE_INFINITY) * 1000
      const end = startMs + lastsMs
      while (stop.stage === 'running' && performance.now() < end) {
        line.show('watching', Number.isFinite(lastsMs) ? (performance.now() - startMs) / lastsMs : null)
        if (pids.length > 0 && !pids.some((pid) => existsSync(`/proc/${pid}`))) break
        await sleep(Math.min(ALIVE_MS, Math.max(1, end - performance.now())))
      }
      return EXIT.done
    }
    return await record(source, options, { target }, () => watch().finally(() => line.clear()), {
      failed: () => stop.advance('cut'),
    })
  } finally {
    stop.release()
  }
}

/** Attaches the probes, which takes the kernel seconds. */
function prepare(
  { quiet, probes, window }: OsRunOptions,
  of: Pick<OsSourceOptions, 'target' | 'libraries'>,
): Promise<OsSource> {
  return busy(process.stderr, quiet, 'attaching probes', () =>
    prepareOs({ ...of, probes, window: parseOsWindow(window) }),
  )
}

async function record(
  source: OsSource,
  options: OsRunOptions,
  what: Record<string, unknown>,
  watch: () => Promise<number>,
  more: { readonly failed?: () => void; readonly amounts?: () => ReturnType<Amounts> } = {},
): Promise<number> {
  const note = (text: string): void => {
    if (!options.quiet) process.stderr.write(`${printable(text)}\n`)
  }
  if (source.problem !== null) note(source.problem)
  const view = await osView(source, options).catch(async (error: unknown) => {
    await source.stop()
    throw error
  })
  const line = progressLine(process.stderr, options.quiet)
  const run = await recordOs({
    command: 'os',
    out: options.out,
    config: { ...what, probes: options.probes ?? null },
    source,
    watch: () => watch().finally(() => view.close()),
    note,
    sealing: ({ table, done, total }) => line.show(`sealing ${table}`, done / total),
    analysing: () => line.show('analysing', null),
    ...(more.failed === undefined ? {} : { failed: more.failed }),
  }).finally(() => {
    line.clear()
    view.close()
  })
  const { folder, counts, report } = run
  const amounts = run.exitCode === EXIT.done ? more.amounts?.() : undefined
  const exitCode = amounts === undefined ? run.exitCode : amountsCode(amounts)
  if (options.json) {
    const { os, verdict } = report
    const result = {
      run: folder,
      exit_code: exitCode,
      counts,
      ...(amounts === undefined ? {} : { known_amounts: amounts }),
      missing: source.missing,
      without: source.problem,
      os,
      verdict,
    }
    process.stdout.write(`${JSON.stringify(result, null, 2)}\n`)
  } else if (!options.quiet) {
    const text = reportText(report, { width: process.stderr.columns ?? 100, color: hasColor() })
    process.stderr.write(
      `\n${text}\n${[...countLines(counts), ...amountLines(amounts ?? [])].join('\n')}\n\nrun: ${folder}\n`,
    )
  }
  return exitCode
}

export function noCommand(): LayerlineError {
  return new LayerlineError('usage/arguments', 'os run: no command given', {
    hint: 'layerline os run -- python3 generate.py',
  })
}
