import { defineCommand } from '../command.ts'
import { KERNELS_RUN_OPTIONS } from '../options/option-groups.ts'

export const OPTIONS = [...KERNELS_RUN_OPTIONS, 'describe', 'list-tracers', 'json', 'quiet'] as const

export const kernelsCommand = defineCommand({
  name: 'kernels',
  summary: 'trace the kernels and operators of many models',
  about:
    "`list` shows the tracers. `run` traces every model with every tracer, each in a process of its own, so that a crash or a hang does not affect the others. Results go to DIR/<model>/<mode>/<tracer>: the tracer's files, `_TRACE_STATUS.json`, the worker's log, and `run`, the same as a run of Layerline; finished ones are not repeated. `inventory` shows which operators, with which inputs, the traced models need, and which kernels serve them; `run` also writes it as inventory.json and inventory.csv. Ctrl-C ends the workers; the same command resumes. Exit code 1 if a tracer failed or a model was not available (docs/kernels-run.md).",
  arguments: [
    {
      name: 'ACTION',
      doc: 'what to do; `run` if only a model is named',
      choices: ['list', 'run', 'inventory'],
      optional: true,
    },
    { name: 'DIR', doc: 'for inventory: the folder of the results (default: outputs)', optional: true },
  ],
  records: true,
  common: ['framework', 'model', 'tracers', 'mode', 'device', 'output-dir'],
  options: OPTIONS,
  overrides: {
    model: {
      kind: 'many',
      value: 'ID|PATH...',
      alias: 'model-path',
      doc: 'models to trace: ids of a hub, or folders; may be repeated',
      default: undefined,
    },
    tracers: { alias: 'tracer' },
    describe: { alias: 'describe-tracer' },
    'input-tokens': { value: 'N', doc: 'tokens of each prompt', default: "the workers' own" },
    'output-tokens': { value: 'N', doc: 'tokens to decode', default: "the workers' own" },
    'cache-dir': { doc: 'folder for downloaded models', default: "Hugging Face's own cache" },
    seed: { doc: 'seed of random prompts and weights', default: "the workers' own" },
  },
  examples: [
    { line: 'layerline kernels list --framework huggingface', what: 'the tracers for Transformers' },
    {
      line: 'layerline kernels run --framework huggingface --model Qwen/Qwen3-0.6B --tracers all --mode eval',
      what: 'one model, every tracer',
    },
    {
      line: 'layerline kernels run --framework vllm --model-list models.txt --skip-model-list skip.txt --tracers vllm_profiler --gpus 0,1',
      what: 'many models, two at a time',
    },
    { line: 'layerline kernels inventory outputs', what: 'which operators they need' },
  ],
})
