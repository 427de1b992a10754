import { EXIT } from '../../base/errors.ts'
import { recoverRun } from '../../session/recover-run.ts'
import { defineCommand } from '../command.ts'
import { progressLine } from '../views/progress-line.ts'

export const recoverCommand = defineCommand({
  name: 'recover',
  summary: 'seal what a crash left open',
  about:
    'Makes a sealed run of one whose recorder was killed: everything committed before the end is there, requests without an end are `interrupted`. On a sealed run it changes nothing. It can be cut off and repeated.',
  arguments: [{ name: 'RUN', doc: 'folder of the run' }],
  options: ['quiet'],
  examples: [{ line: 'layerline recover RUN', what: 'after a crash, a kill -9 or a full disk' }],
  async run({ arguments: [folder], options }) {
    const progress = progressLine(process.stderr, options.quiet)
    const { run, wasOpen, judged } = await recoverRun(folder ?? '', ({ table, done, total }) =>
      progress.show(`sealing ${table}`, done / total),
    )
    progress.clear()
    const rows = Object.entries(run.layers).map(([table, { rows: count }]) => `${count} ${table}`)
    process.stdout.write(
      wasOpen
        ? `recovered ${folder}: ${rows.join(', ') || 'no rows'}\n`
        : `${folder}: sealed already, ${judged ? 'its verdict was missing and is made' : 'nothing to do'}\n`,
    )
    return EXIT.done
  },
})
