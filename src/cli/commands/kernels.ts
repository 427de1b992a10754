import { defineCommand } from '../command.ts'
import { KERNELS_RUN_OPTIONS } from '../options/option-groups.ts'

export const OPTIONS = [...KERNELS_RUN_OPTIONS, 'describe', 'list-tracers', 'json', 'quiet'] as const

export const kernelsCommand = defineCommand({
  name: 'kernels',
  summary: 'trace the kernels and operators of many models',
  about:
    "`list` shows the tracers there are. `run` traces every model with every tracer: each in a process of its own, which may crash, hang or run out of memory without harm to the others; models are fetched beside, and what is there already is left. A trace is DIR/<model>/<mode>/<tracer>: the tracer's files, `_TRACE_STATUS.json`, the worker's log, and `run`, the same as a run of Layerline. `inventory` shows which operators, with which inputs, all models traced there need, and which kernels serve them; `run` writes it, too, as inventory.json and inventory.csv. Ctrl-C ends the workers; the same command goes on where it stopped. Exit code 1 where a trace failed or a model could not be had (docs/kernels-run.md).",
  arguments: [
    {
      name: 'ACTION',
      doc: 'what to do; without one, `run` where a model is named',
      choices: ['list', 'run', 'inventory'],
      optional: true,
    },
    { name: 'DIR', doc: 'for inventory: the folder of all traces, outputs unless it is named', optional: true },
  ],
  records: true,
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
    'cache-dir': { doc: 'where models are fetched to', default: "Hugging Face's own cache" },
    seed: { doc: 'seed of prompts and weights that are random', default: "the workers' own" },
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
