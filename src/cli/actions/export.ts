import { parseSeconds } from '../../base/duration-text.ts'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import type { ExportFormat, ExportOptions } from '../../exports/export-options.ts'
import { EXPORTS } from '../../exports/registry.ts'
import type { Run } from '../command.ts'
import type { exportCommand } from '../commands/export.ts'
import { busy } from '../views/busy.ts'

const FLAGS = {
  fromNs: '--from',
  toNs: '--until',
  layers: '--layers',
  split: '--split',
  vision: '--vision',
  tables: '--tables',
}

export const runExport: Run<typeof exportCommand> = async ({ arguments: [folder], options }) => {
  const { format, toSeconds } = readTo(options.to ?? [], options.until)
  const { from, layers, split } = options
  const given: ExportOptions = {
    ...(from === undefined ? {} : { fromNs: from * 1e9 }),
    ...(toSeconds === undefined ? {} : { toNs: toSeconds * 1e9 }),
    ...(layers === undefined ? {} : { layers }),
    ...(split === undefined ? {} : { split }),
    ...(options.vision ? { vision: true } : {}),
    ...(options.tables ? { tables: true } : {}),
  }
  const { write, options: heeded }: ExportFormat = EXPORTS[format]
  for (const name of Object.keys(given) as (keyof ExportOptions)[]) {
    if (heeded.includes(name)) continue
    throw new LayerlineError('usage/arguments', `${FLAGS[name]}: --to ${format} does not take it`, {
      hint: 'layerline export --help',
    })
  }
  if (from !== undefined && toSeconds !== undefined && toSeconds <= from)
    throw new LayerlineError('usage/arguments', `--from ${from} --until ${toSeconds}: expected an end after the start`)
  const files = await busy(process.stderr, options.json, `writing ${format}`, () =>
    write(folder ?? '', options.out ?? '', given),
  )
  if (options.json) process.stdout.write(`${JSON.stringify(files, null, 2)}\n`)
  else for (const { path, rows, what } of files) process.stdout.write(`${String(rows).padStart(10)} ${what}  ${path}\n`)
  return EXIT.done
}

/** `--to` is given once with a format; given again with a number it is `--until`, as it once was. */
function readTo(
  given: readonly string[],
  until: number | undefined,
): { format: keyof typeof EXPORTS; toSeconds: number | undefined } {
  const formats = given.filter((text) => Object.hasOwn(EXPORTS, text)) as (keyof typeof EXPORTS)[]
  const others = given.filter((text) => !Object.hasOwn(EXPORTS, text))
  const [format] = formats
  const seconds = [...others.map(parseSeconds), ...(until === undefined ? [] : [until])]
  const bad = others.find((_, i) => !Number.isFinite(seconds[i]))
  if (bad !== undefined || format === undefined || formats.length > 1 || seconds.length > 1) {
    throw new LayerlineError(
      'usage/arguments',
      `--to ${bad ?? given.join(' --to ')}: expected one of ${Object.keys(EXPORTS).join(', ')}, and at most one --until`,
    )
  }
  return { format, toSeconds: seconds[0] }
}
