import { setTimeout as sleep } from 'node:timers/promises'
import { outliveTerminal } from '../base/closed-terminal.ts'
import { EXIT, errorCode, LayerlineError } from '../base/errors.ts'
import { interruption } from '../base/interruption.ts'
import { readableStack } from '../base/readable-stack.ts'
import { withoutCredentials } from '../base/secrets/credentials.ts'
import { VERSION } from '../base/version.ts'
import { learnFromVariables } from '../config/learn-secrets.ts'
import { withoutControls } from '../dashboard/text/text.ts'
import { workerCommandLine } from '../session/workers/worker-messages.ts'
import { learnFromArguments } from './argv-secrets.ts'
import { cleanOutput } from './clean-output.ts'

/** After a signal a command that records nothing has this long to remove what it has begun to write. */
const TIDY_MS = 2_000
/** The same, while a run is open: that is sealed first. */
const SEAL_MS = 60_000
const LOOK_MS = 50
/** A command that is over ends the process; what still keeps it alive after this is a fault, and cut off. */
const LINGER_MS = 5_000
/** After a signal, what was still being made ready is given back within this. */
const LINGER_INTERRUPTED_MS = 2_000

/** The whole program: parses, runs, prints what went wrong in one or two lines, sets the exit code. */
export async function main(given: readonly string[]): Promise<void> {
  interruption.install()
  outliveTerminal()
  const argv = workerCommandLine() ?? given
  // The arguments may hold a key, and everyone on the machine may read them: the title takes their place.
  process.title = ['layerline', ...argv.slice(0, 1)].join(' ')
  learnFromVariables(process.env)
  learnFromArguments(argv)
  cleanOutput(process.stdout)
  cleanOutput(process.stderr)
  let records = false
  process.stdout.on('error', (error) => onClosedPipe(error, records))
  process.stderr.on('error', () => {})
  if (argv.length === 1 && /^(--version|-V)$/.test(argv[0] ?? '')) {
    process.stdout.write(`${VERSION}\n`)
    return
  }
  const { commandNamed, runProgram } = await import('./program.ts')
  records = commandNamed(argv[0])?.spec.records ?? false
  const running = runProgram(argv).catch(report)
  process.exitCode = await Promise.race([running, interrupted(running)])
  const lingerMs = process.exitCode === EXIT.interrupted ? LINGER_INTERRUPTED_MS : LINGER_MS
  setTimeout(endProcess, lingerMs).unref()
}

/** Resolves when a signal that no command has taken over has ended the command, or some time after it arrived. */
async function interrupted(running: Promise<number>): Promise<number> {
  await new Promise<void>((resolve) => interruption.signal.addEventListener('abort', () => resolve(), { once: true }))
  let isOver = false
  const over = running.finally(() => {
    isOver = true
  })
  const sinceMs = performance.now()
  const waitedMs = (): number => performance.now() - sinceMs
  while (!isOver && waitedMs() < (interruption.isHeld ? SEAL_MS : TIDY_MS)) await Promise.race([over, sleep(LOOK_MS)])
  setImmediate(endProcess)
  return EXIT.interrupted
}

function endProcess(): void {
  if (process.env.LAYERLINE_DEBUG)
    process.stderr.write(`layerline: still open: ${process.getActiveResourcesInfo().join(', ')}\n`)
  process.exit()
}

/**
 * `layerline sql … | head` closes the pipe, and a terminal may close: neither is an error. A command that records
 * continues to its seal, whether its output is read or not.
 */
function onClosedPipe(error: Error, records: boolean): void {
  if (records) return
  const isClosed = errorCode(error) === 'EPIPE' || errorCode(error) === 'EIO'
  process.exit(isClosed ? EXIT.done : report(error))
}

/** Part of a message may be a server's words: they steer no terminal and forge no line. */
function message(text: string): string {
  return withoutControls(withoutCredentials(text)).replaceAll('\n', '\n    ')
}

function report(error: unknown): number {
  if (interruption.signal.aborted) {
    process.stderr.write('layerline: interrupted\n')
    return EXIT.interrupted
  }
  if (error instanceof LayerlineError) {
    process.stderr.write(`layerline: ${message(error.message)}\n`)
    if (error.hint !== undefined) process.stderr.write(`  -> ${message(error.hint)}\n`)
    if (process.env.LAYERLINE_DEBUG) process.stderr.write(`${message(readableStack(error.stack ?? ''))}\n`)
    return error.exitCode
  }
  const what = error instanceof Error ? readableStack(error.stack ?? error.message) : String(error)
  process.stderr.write(`layerline: internal error: ${message(what)}\n`)
  process.stderr.write(
    '  -> this is a bug in Layerline; what was recorded can be sealed with `layerline recover RUN`\n',
  )
  return EXIT.internal
}
