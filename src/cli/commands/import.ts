import { FORMAT_ABOUTS } from '../../imports/format-abouts.ts'
import { defineCommand } from '../command.ts'

export const importCommand = defineCommand({
  name: 'import',
  summary: "make a run of another tool's file",
  about: `Reads profiles of PyTorch and vLLM, and other traces in Chrome's JSON, plain or packed by gzip or zstd (docs/kernels.md); what KernelTracer and layerline kernels write, a tracer's folder or all of them (docs/kernels-run.md); ${Object.values(FORMAT_ABOUTS).join('; ')} (docs/exports.md). A folder is read as one run: its traces, a rank a file, or its CSV files, if they are of one format. What a file does not tell is NULL; what was assumed or skipped is said here and kept in run.json.`,
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
})
