import type { CommandSpec, Run } from './command.ts'
import { compareCommand } from './commands/compare.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { engineCommand } from './commands/engine.ts'
import { exportCommand } from './commands/export.ts'
import { importCommand } from './commands/import.ts'
import { kernelsCommand } from './commands/kernels.ts'
import { loadCommand } from './commands/load.ts'
import { osCommand } from './commands/os.ts'
import { promptsCommand } from './commands/prompts.ts'
import { recoverCommand } from './commands/recover.ts'
import { replayCommand } from './commands/replay.ts'
import { reportCommand } from './commands/report.ts'
import { serveCommand } from './commands/serve.ts'
import { sqlCommand } from './commands/sql.ts'
import { studyCommand } from './commands/study.ts'
import { traceCommand } from './commands/trace.ts'

/** A command's words, and how to load what it does. */
export interface CommandEntry {
  readonly spec: CommandSpec
  readonly load: () => Promise<Run>
}

/** Every command, in the order of the help. A start costs what its command needs: the words of all, the work of one. */
const ENTRIES = {
  demo: { spec: demoCommand, load: async () => (await import('./actions/demo.ts')).runDemo },
  trace: { spec: traceCommand, load: async () => (await import('./actions/trace.ts')).runTrace },
  replay: { spec: replayCommand, load: async () => (await import('./actions/replay.ts')).runReplay },
  load: { spec: loadCommand, load: async () => (await import('./actions/load.ts')).runLoad },
  report: { spec: reportCommand, load: async () => (await import('./actions/report.ts')).runReport },
  serve: { spec: serveCommand, load: async () => (await import('./actions/serve.ts')).runServe },
  compare: { spec: compareCommand, load: async () => (await import('./actions/compare.ts')).runCompare },
  sql: { spec: sqlCommand, load: async () => (await import('./actions/sql.ts')).runSql },
  export: { spec: exportCommand, load: async () => (await import('./actions/export.ts')).runExport },
  import: { spec: importCommand, load: async () => (await import('./actions/import.ts')).runImport },
  prompts: { spec: promptsCommand, load: async () => (await import('./actions/prompts.ts')).runPrompts },
  study: { spec: studyCommand, load: async () => (await import('./actions/study.ts')).runStudy },
  kernels: { spec: kernelsCommand, load: async () => (await import('./actions/kernels.ts')).runKernels },
  os: { spec: osCommand, load: async () => (await import('./actions/os.ts')).runOsCommand },
  engine: { spec: engineCommand, load: async () => (await import('./actions/engine.ts')).runEngine },
  doctor: { spec: doctorCommand, load: async () => (await import('./actions/doctor.ts')).runDoctor },
  recover: { spec: recoverCommand, load: async () => (await import('./actions/recover.ts')).runRecover },
} as const satisfies Record<string, CommandEntry>

export const COMMANDS: readonly CommandSpec[] = Object.values(ENTRIES).map(({ spec }) => spec)

/** The command of this name; undefined where there is none. */
export function commandNamed(name: string | undefined): CommandEntry | undefined {
  return name !== undefined && Object.hasOwn(ENTRIES, name) ? ENTRIES[name as keyof typeof ENTRIES] : undefined
}
