import { SPLIT_MODELS } from '../../analysis/attribution/step-shares.ts'
import { defineCommand } from '../command.ts'

export const reportCommand = defineCommand({
  name: 'report',
  summary: 'show what happened in a run, and whether to trust it',
  about:
    'Starts with the verdict: whether client, network or schedule limited the run, and what else makes its figures unreliable. Then requests offered and completed, failures by kind, TTFT, ITL, TPOT and E2E with counts and 95 % intervals, tokens per second, speed by size, late tokens, and the machine. Definitions: docs/metrics.md.',
  arguments: [{ name: 'RUN', doc: 'folder of a run (also while it is recorded) or of a sweep' }],
  common: ['slo', 'request', 'token', 'json'],
  options: [
    'slo',
    'definitions',
    'rules',
    'annotation',
    'request',
    'token',
    'split',
    'model-config',
    'peak-tflops',
    'peak-gbps',
    'md',
    'json',
  ],
  overrides: {
    split: {
      value: 'tokens|equal',
      choices: SPLIT_MODELS,
      doc: "with --request: how to divide a step's time among its requests, which no source measures",
      default: 'tokens',
    },
  },
  examples: [
    { line: 'layerline report RUN', what: 'the report as text' },
    {
      line: 'layerline report RUN --slo ttft=500ms,itl=50ms',
      what: 'also attainment and goodput: requests that met both objectives, and their rate',
    },
    {
      line: 'layerline report RUN --definitions vllm',
      what: 'also the figures that `vllm bench serve` would have reported for the same answers',
    },
    {
      line: 'layerline report RUN --rules hta',
      what: "also a profile's kernels as Holistic Trace Analysis counts them",
    },
    {
      line: 'layerline report RUN --request 3 --token 17',
      what: 'why this token took so long: queue, step, kernels, gaps',
    },
    {
      line: 'layerline report RUN --model-config models/llama --peak-tflops 312 --peak-gbps 2039',
      what: "also FLOPs and bytes of the engine's steps, compared with the machine's peaks",
    },
    { line: 'layerline report RUN --md', what: 'Markdown to paste into a pull request' },
    {
      line: 'layerline report RUN --json',
      what: 'every figure with its unit in its name; its JSON Schema is docs/report.schema.json',
    },
  ],
})
