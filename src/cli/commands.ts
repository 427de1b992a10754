import type { CommandSpec } from './command.ts'

/** Every command, in the order of the help. Loaded one by one: a start costs what its command needs. */
const LOADERS: Record<string, () => Promise<CommandSpec>> = {
  demo: async () => (await import('./commands/demo.ts')).demoCommand,
  trace: async () => (await import('./commands/trace.ts')).traceCommand,
  replay: async () => (await import('./commands/replay.ts')).replayCommand,
  load: async () => (await import('./commands/load.ts')).loadCommand,
  report: async () => (await import('./commands/report.ts')).reportCommand,
  compare: async () => (await import('./commands/compare.ts')).compareCommand,
  sql: async () => (await import('./commands/sql.ts')).sqlCommand,
  export: async () => (await import('./commands/export.ts')).exportCommand,
  import: async () => (await import('./commands/import.ts')).importCommand,
  prompts: async () => (await import('./commands/prompts.ts')).promptsCommand,
  study: async () => (await import('./commands/study.ts')).studyCommand,
  kernels: async () => (await import('./commands/kernels.ts')).kernelsCommand,
  os: async () => (await import('./commands/os.ts')).osCommand,
  engine: async () => (await import('./commands/engine.ts')).engineCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  recover: async () => (await import('./commands/recover.ts')).recoverCommand,
}

export function allCommands(): Promise<CommandSpec[]> {
  return Promise.all(Object.values(LOADERS).map((load) => load()))
}

/** The command that a command line begins with; all of them where it begins with none. */
export async function commandsFor(argv: readonly string[]): Promise<CommandSpec[]> {
  const [name = ''] = argv
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined
  return load === undefined ? allCommands() : [await load()]
}
