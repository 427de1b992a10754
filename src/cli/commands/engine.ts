import { defineCommand } from '../command.ts'

export const engineCommand = defineCommand({
  name: 'engine',
  summary: 'install, start, stop or list managed engines',
  about:
    'llamacpp: llama.cpp with SmolLM2-135M-Instruct, about 200 MB. vllm: vLLM with the same model and its profiler, 3.5 GB, which takes minutes to install; the CPU build, or the CUDA build if there is an NVIDIA GPU (not tested on real GPUs). Both are kept in a cache folder (LAYERLINE_CACHE, else ~/.cache/layerline) and serve an OpenAI-compatible API on 127.0.0.1. `start` leaves the engine running and prints its URL; `stop` takes its name or port.',
  arguments: [
    { name: 'ACTION', doc: 'what to do', choices: ['install', 'start', 'stop', 'list'] },
    { name: 'NAME', doc: 'the engine; for stop, also a port', optional: true },
  ],
  options: [
    'port',
    'model',
    'sequences',
    'context-tokens',
    'threads',
    'otlp-endpoint',
    'os',
    'probes',
    'out',
    'json',
    'quiet',
  ],
  overrides: {
    model: {
      value: 'PATH|ID',
      doc: 'llamacpp: a GGUF file; vllm: a model folder, an id that it downloads, or `tiny` (random weights, for tests)',
      default: 'SmolLM2-135M-Instruct',
    },
    os: {
      value: 'auto',
      choices: ['auto'],
      doc: 'start: record the cold start as the kernel sees it, from before the program starts until it has answered a first request (docs/os.md)',
    },
    sequences: { default: "4; vllm: vLLM's own" },
    'context-tokens': { default: '4096, vllm: 8192; at most the trained context of the model' },
  },
  examples: [
    { line: 'layerline engine start', what: 'a small real model on http://127.0.0.1:8080/v1' },
    { line: 'layerline engine start llamacpp --port 9000 --model model.gguf', what: 'your own model' },
    { line: 'layerline engine start vllm --port 8000', what: 'vLLM with the small model on http://127.0.0.1:8000/v1' },
    {
      line: 'layerline engine start vllm --os auto --out cold-start',
      what: 'record its cold start as the kernel sees it (as root)',
    },
    { line: 'layerline engine stop', what: 'end every engine that `start` left running' },
  ],
})
