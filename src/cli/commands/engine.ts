import { defineCommand } from '../command.ts'

export const engineCommand = defineCommand({
  name: 'engine',
  summary: 'install, start, stop or list the engines in our care',
  about:
    'llamacpp: llama.cpp with SmolLM2-135M-Instruct, about 200 MB. vllm: vLLM with the same model, 3.5 GB and some minutes of installing, its profiler ready; the CPU build, or the CUDA build where an NVIDIA GPU answers (that one is not verified). Both are kept in a cache folder (LAYERLINE_CACHE, else ~/.cache/layerline) and served as an OpenAI-compatible API on 127.0.0.1 by processes of their own. `start` leaves the engine running and prints its URL; `stop` takes the name or a port.',
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
      doc: 'llamacpp: a GGUF file; vllm: a model folder, an id that it fetches, or `tiny` (random weights, for tests)',
      default: 'SmolLM2-135M-Instruct',
    },
    os: {
      value: 'auto',
      choices: ['auto'],
      doc: 'start: record what the kernel sees of the engine from before its program begins until it has answered a first request: its cold start (docs/os.md)',
    },
    sequences: { default: "4; vllm: vLLM's own" },
    'context-tokens': { default: '4096, vllm: 8192; at most what the model was trained for' },
  },
  examples: [
    { line: 'layerline engine start', what: 'a small real model on http://127.0.0.1:8080/v1' },
    { line: 'layerline engine start llamacpp --port 9000 --model model.gguf', what: 'a model of your own' },
    { line: 'layerline engine start vllm --port 8000', what: 'vLLM with the small model on http://127.0.0.1:8000/v1' },
    {
      line: 'layerline engine start vllm --os auto --out cold-start',
      what: 'its cold start as the kernel sees it (as root), as a run',
    },
    { line: 'layerline engine stop', what: 'ends every engine that `start` left running' },
  ],
})
