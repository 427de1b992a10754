import { EXIT } from '../../base/errors.ts'
import { printable } from '../../dashboard/text/text.ts'
import { importRun } from '../../imports/import-run.ts'
import { IMPORTS } from '../../imports/registry.ts'
import { RESULTS } from '../../imports/results/import-results.ts'
import { defineCommand } from '../command.ts'
import { progressLine } from '../views/progress-line.ts'

/** Tables whose rows are told, by the format. */
const SHOWN: Record<string, readonly string[]> = {
  kineto: ['slices', 'tracks'],
  'kernel-tracer': ['ops', 'op_kernels', 'slices'],
}

export const importCommand = defineCommand({
  name: 'import',
  summary: "make a run of another tool's file",
  about: `Reads profiles of PyTorch and vLLM, and other traces in Chrome's JSON, plain or packed by gzip or zstd (docs/kernels.md); what KernelTracer and layerline kernels write, a tracer's folder or all of them (docs/kernels-run.md); ${[...RESULTS, ...IMPORTS].map(({ about }) => about).join('; ')} (docs/exports.md). A folder is read as one run: its traces, a rank a file, or its CSV files, if they are of one format. What a file does not tell is NULL; what was assumed or skipped is said here and kept in run.json.`,
  arguments: [{ name: 'FILE', doc: 'the file, or a folder of them' }],
  options: ['out', 'stacks', 'args', 'strict', 'json', 'quiet'],
  examples: [
    { line: 'layerline import profile/ --out runs/profile', what: 'the traces of all ranks' },
    { line: 'layerline import trace_20250711_164711.csv --out runs/a10', what: "the Tracer's own trace" },
    { line: 'layerline import profile_export.jsonl --out runs/aiperf', what: "another load tool's requests" },
    {
      line: 'layerline import outputs/ --out runs/ops',
      what: 'what KernelTracer, or kernels run, has made of many models',
    },
    { line: 'layerline import results/ --out runs/tables', what: 'raw_*.csv and filtered_*.csv together' },
  ],
  async run({ arguments: [path], options }) {
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
    const shown = SHOWN[format] ?? ['requests', 'counters']
    const counted = shown.map((table) => `${rows[table] ?? 0} ${table}`).join(', ')
    process.stdout.write(`${folder}: ${format}, ${counted}\n`)
    if (!options.quiet) {
      for (const { level, what, text } of run.verdict) process.stdout.write(`  ${level}  ${what}: ${printable(text)}\n`)
      process.stdout.write(`  -> layerline report ${folder}\n`)
    }
    return EXIT.done
  },
})
