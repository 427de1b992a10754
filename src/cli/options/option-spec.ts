/** One option. `value` is the placeholder; an option without one is a switch. */
export interface OptionSpec {
  readonly kind: 'text' | 'number' | 'integer' | 'seconds' | 'list' | 'many' | 'switch'
  readonly value?: string
  /** What the option means without its value; the value may then be omitted. */
  readonly preset?: string
  readonly doc: string
  readonly choices?: readonly string[]
  /** Smallest value allowed, for numbers. */
  readonly min?: number
  /** Greatest value allowed, for numbers; for seconds, the default is the longest that a timer waits. */
  readonly max?: number
  /** Shown in the help; applied by the command, so that a setting from a file can come between. */
  readonly default?: string
  /** Another name, of a tool that the command replaces; without the dashes. */
  readonly alias?: string
}
