import { EXIT, LayerlineError } from '../base/errors.ts'
import { withoutCredentials } from '../base/secrets/credentials.ts'
import { learnFromVariables } from '../config/learn-secrets.ts'
import { withoutControls } from '../dashboard/text/text.ts'
import { workerCommandLine } from '../session/workers/worker-messages.ts'
import { learnFromArguments } from './argv-secrets.ts'
import { cleanOutput } from './clean-output.ts'
import { commandsFor } from './commands.ts'
import { runProgram } from './program.ts'

/** The whole program: parses, runs, prints what went wrong in one or two lines, sets the exit code. */
export async function main(given: readonly string[]): Promise<void> {
  const argv = workerCommandLine() ?? given
  // The arguments may hold a key, and everyone on the machine may read them: the title takes their place.
  process.title = ['layerline', ...argv.slice(0, 1)].join(' ')
  learnFromVariables(process.env)
  learnFromArguments(argv)
  cleanOutput(process.stdout)
  cleanOutput(process.stderr)
  const records = (await commandsFor(argv)).find(({ name }) => name === argv[0])?.records ?? false
  process.stdout.on('error', (error) => onClosedPipe(error, records))
  process.stderr.on('error', () => {})
  try {
    process.exitCode = await runProgram(argv)
  } catch (error) {
    process.exitCode = report(error)
  }
}

/** `layerline sql … | head` closes the pipe: that is no error. A command that records goes on to its seal, heard or not. */
function onClosedPipe(error: NodeJS.ErrnoException, records: boolean): void {
  if (records) return
  if (error.code !== 'EPIPE') throw error
  process.exit(EXIT.done)
}

/** Part of a message may be a server's words: they steer no terminal and forge no line. */
function message(text: string): string {
  return withoutControls(withoutCredentials(text)).replaceAll('\n', '\n    ')
}

function report(error: unknown): number {
  if (error instanceof LayerlineError) {
    process.stderr.write(`layerline: ${message(error.message)}\n`)
    if (error.hint !== undefined) process.stderr.write(`  -> ${message(error.hint)}\n`)
    if (process.env.LAYERLINE_DEBUG) process.stderr.write(`${message(error.stack ?? '')}\n`)
    return error.exitCode
  }
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`layerline: internal error: ${message(what)}\n`)
  process.stderr.write(
    '  -> this is a bug in Layerline; what was recorded can be sealed with `layerline recover RUN`\n',
  )
  return EXIT.internal
}
