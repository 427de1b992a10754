import { aboutImports } from '../../imports/registry.ts'
import { defineCommand } from '../command.ts'
import { sentence } from '../help-text.ts'

export const importCommand = defineCommand({
  name: 'import',
  summary: "make a run from another tool's file",
  about: `Reads these files. ${aboutImports().map(sentence).join('. ')}. Details: docs/imports.md. A folder becomes one run: profiles with one rank per file, or CSV files of one format. What a file does not contain is NULL; what was assumed or skipped is printed and kept in run.json.`,
  arguments: [{ name: 'FILE', doc: 'the file, or a folder of them' }],
  options: ['out', 'stacks', 'args', 'strict', 'json', 'quiet'],
  examples: [
    { line: 'layerline import profile/ --out runs/profile', what: 'the profiles of all ranks' },
    { line: 'layerline import trace_20250711_164711.csv --out runs/a10', what: "the Tracer's own file" },
    { line: 'layerline import profile_export.jsonl --out runs/aiperf', what: "another load tool's requests" },
    {
      line: 'layerline import outputs/ --out runs/ops',
      what: 'the results of KernelTracer, or of `kernels run`, for many models',
    },
    { line: 'layerline import results/ --out runs/tables', what: 'raw_*.csv and filtered_*.csv together' },
  ],
})
