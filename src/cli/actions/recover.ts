import { EXIT } from '../../base/errors.ts'
import { recoverRun } from '../../session/recover-run.ts'
import type { Run } from '../command.ts'
import type { recoverCommand } from '../commands/recover.ts'
import { progressLine } from '../views/progress-line.ts'

export const runRecover: Run<typeof recoverCommand> = async ({ arguments: [folder], options }) => {
  const progress = progressLine(process.stderr, options.quiet)
  const { run, wasOpen, judged } = await recoverRun(folder ?? '', ({ table, done, total }) =>
    progress.show(`sealing ${table}`, done / total),
  ).finally(() => progress.clear())
  const rows = Object.entries(run.layers).map(([table, { rows: count }]) => `${count} ${table}`)
  process.stdout.write(
    wasOpen
      ? `recovered ${folder}: ${rows.join(', ') || 'no rows'}\n`
      : `${folder}: sealed already, ${judged ? 'its verdict was missing and is made' : 'nothing to do'}\n`,
  )
  return EXIT.done
}
