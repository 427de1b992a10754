import type { ExportFormat } from '../../exports/export-options.ts'
import { EXPORTS } from '../../exports/registry.ts'
import { defineCommand } from '../command.ts'

export const exportCommand = defineCommand({
  name: 'export',
  summary: "write a run in another tool's format",
  about: `Writes a sealed run in one or more formats. ${Object.entries<ExportFormat>(EXPORTS)
    .map(([name, { about }]) => `\`${name}\`: ${about}.`)
    .join(
      ' ',
    )} --from and --until select a window (a second --to with a number is an old name of --until). Columns and mappings: docs/exports.md.`,
  arguments: [{ name: 'RUN', doc: 'folder of the run' }],
  options: ['to', 'from', 'until', 'layers', 'split', 'vision', 'tables', 'out', 'json'],
  required: ['to', 'out'],
  examples: [
    {
      line: 'layerline export RUN --to parquet --out tables',
      what: 'tables/requests.parquet, tables/chunks.parquet, …',
    },
    { line: 'layerline export RUN --to perfetto --out run.perfetto', what: 'a file for ui.perfetto.dev' },
    {
      line: 'layerline export RUN --to chrome --from 10 --until 12.5 --layers request,gpu --out part.json',
      what: 'two layers, two and a half seconds',
    },
    {
      line: 'layerline export RUN --to tracer-csv --split size --out traces',
      what: 'one file per prompt size, like the Tracer',
    },
  ],
})
