import { SPLIT_MODELS } from '../../analysis/attribution/step-shares.ts'
import { defineCommand } from '../command.ts'

export const reportCommand = defineCommand({
  name: 'report',
  summary: 'what happened in a run, and whether to trust it',
  about:
    'The verdict first: whether client, network or schedule limited the run, whether the server shared its machine, whether cached tokens spoil it. Then what was offered and done, failures by kind, TTFT, ITL, TPOT and E2E with counts and 95 % intervals, tokens per second, speed by size, and the machine. Definitions: docs/metrics.md.',
  arguments: [{ name: 'RUN', doc: 'folder of the run, which may still be recorded, or of a sweep' }],
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
    'json',
  ],
  overrides: {
    split: {
      value: 'tokens|equal',
      choices: SPLIT_MODELS,
      doc: "with --request: how a step's time is divided among the requests that it ran together, which no source tells",
      default: 'tokens',
    },
  },
  examples: [
    { line: 'layerline report RUN', what: 'for reading' },
    {
      line: 'layerline report RUN --slo ttft=500ms,itl=50ms',
      what: 'also: how many requests kept both, and how many of those a second',
    },
    {
      line: 'layerline report RUN --definitions vllm',
      what: 'also: what `vllm bench serve` would have reported of the same answers',
    },
    { line: 'layerline report RUN --rules hta', what: "also: a profile's kernels as Holistic Trace Analysis counts" },
    {
      line: 'layerline report RUN --request 3 --token 17',
      what: 'why this token took so long: queue, step, kernels, gaps',
    },
    {
      line: 'layerline report RUN --model-config models/llama --peak-tflops 312 --peak-gbps 2039',
      what: "also: FLOPs and bytes of the engine's steps beside what the machine can do",
    },
    { line: 'layerline report RUN --json', what: 'every figure with its unit in its name' },
  ],
})
