import { readdirSync, readFileSync } from 'node:fs'

export interface SeenProcess {
  readonly pid: number
  readonly command: string
}

/** Every process that a test file starts inherits it, `<pid of the test run> <file>`, also one that makes itself a daemon. */
export const TEST_MARKER = 'TEST_FILE_THAT_STARTED_THIS'

/**
 * The processes whose environment, as it was at their start, has an entry (`NAME=value`) for which `is` holds; none where there is
 * no /proc. Processes of other users are not seen, nor those that are over and only not asked for yet.
 */
export function processesWith(is: (entry: string) => boolean): SeenProcess[] {
  const pids = readOr(() => readdirSync('/proc'), []).filter((name) => /^\d+$/.test(name))
  return pids
    .filter((pid) =>
      readOr(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '')
        .split('\0')
        .some(is),
    )
    .map((pid) => ({ pid: Number(pid), command: commandOf(pid) }))
}

/** Ends what is left; returns a line that says what it was. */
export function endLeftovers(left: readonly SeenProcess[]): string {
  for (const { pid } of left) readOr(() => process.kill(pid, 'SIGKILL'), false)
  return left.map(({ pid, command }) => `${pid} ${command.slice(0, 300)}`).join('; ')
}

function commandOf(pid: string): string {
  const args = readOr(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '')
  return args.split('\0').join(' ').trim()
}

/** They come and go while one looks. */
function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
