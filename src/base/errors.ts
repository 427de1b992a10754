/** The exit codes of the command line, in one place. */
export const EXIT = {
  done: 0,
  badVerdict: 1,
  usage: 2,
  unreachable: 3,
  missing: 4,
  internal: 5,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const KINDS = {
  usage: EXIT.usage,
  input: EXIT.usage,
  unreachable: EXIT.unreachable,
  missing: EXIT.missing,
  internal: EXIT.internal,
  interrupted: EXIT.interrupted,
} as const

export interface LayerlineErrorOptions {
  /** What the user can do about it, one sentence. */
  hint?: string
  cause?: unknown
}

/**
 * Every error a user may see. `code` is `<kind>/<what>` and stable (`input/csv-column`); the kind decides
 * the exit code. The message says what happened and where (file:line or URL) and what was expected.
 */
export class LayerlineError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: ExitCode

  constructor(code: `${keyof typeof KINDS}/${string}`, message: string, options: LayerlineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LayerlineError'
    this.code = code
    this.hint = options.hint
    this.exitCode = KINDS[code.slice(0, code.indexOf('/')) as keyof typeof KINDS]
  }
}

/** The text of anything thrown, without a stack. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The `code` of a system error (`ENOENT`, `ECONNREFUSED`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
