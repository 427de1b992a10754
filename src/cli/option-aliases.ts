import type { CommandSpec } from './command.ts'

/** A command line with the options' own names in place of their other ones, as far as the first `--`. */
export function withoutAliases(argv: readonly string[], spec: CommandSpec | undefined): string[] {
  const aliases = new Map<string, string>(
    Object.entries(spec?.overrides ?? {}).flatMap(([name, { alias }]) =>
      alias === undefined ? [] : [[`--${alias}`, `--${name}`] as const],
    ),
  )
  const end = argv.indexOf('--')
  return argv.map((word, i) => {
    if (end !== -1 && i >= end) return word
    const [, flag = '', rest = ''] = /^(--[\w-]+)(=.*)?$/s.exec(word) ?? []
    const own = aliases.get(flag)
    return own === undefined ? word : `${own}${rest}`
  })
}
