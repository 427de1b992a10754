import { EXIT } from '../../base/errors.ts'
import { printable } from '../../dashboard/text/text.ts'
import { importRun } from '../../imports/import-run.ts'
import { IMPORTS } from '../../imports/registry.ts'
import type { Run } from '../command.ts'
import type { importCommand } from '../commands/import.ts'
import { progressLine } from '../views/progress-line.ts'

export const runImport: Run<typeof importCommand> = async ({ arguments: [path], options }) => {
  const progress = progressLine(process.stderr, options.quiet || options.json)
  const { folder, format, files, run } = await importRun(path ?? '', options.out, {
    stacks: options.stacks,
    args: options.args,
    strict: options.strict,
    onProgress: ({ file, done, total }) => progress.show(file, total === 0 ? null : done / total),
  }).finally(() => progress.clear())
  const rows = Object.fromEntries(Object.entries(run.layers).map(([table, counts]) => [table, counts.rows]))
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ run: folder, format, files, rows, notes: run.verdict }, null, 2)}\n`)
    return EXIT.done
  }
  const counted = IMPORTS[format].shown.map((table) => `${rows[table] ?? 0} ${table}`).join(', ')
  process.stdout.write(`${folder}: ${format}, ${counted}\n`)
  if (!options.quiet) {
    for (const { level, what, text } of run.verdict) process.stdout.write(`  ${level}  ${what}: ${printable(text)}\n`)
    process.stdout.write(`  -> layerline report ${folder}\n`)
  }
  return EXIT.done
}
