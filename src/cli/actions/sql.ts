import { EXIT, LayerlineError } from '../../base/errors.ts'
import { openRun } from '../../store/read/open-run.ts'
import type { Run } from '../command.ts'
import type { sqlCommand } from '../commands/sql.ts'
import { busy } from '../views/busy.ts'
import { writeCsv, writeJson, writeTable } from '../views/row-output.ts'

export const runSql: Run<typeof sqlCommand> = async ({ arguments: [folder, query], options }) => {
  if (options.json && options.csv) throw new LayerlineError('usage/arguments', '--json and --csv: expected one of them')
  const run = await openRun(folder ?? '')
  try {
    const rows = await busy(process.stderr, false, 'querying', () => run.stream(query ?? ''))
    if (options.json) await writeJson(rows, process.stdout)
    else if (options.csv) await writeCsv(rows, process.stdout)
    else await writeTable(rows, process.stdout)
  } finally {
    await run.close()
  }
  return EXIT.done
}
