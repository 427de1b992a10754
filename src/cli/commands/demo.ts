import { defineCommand } from '../command.ts'

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'record a conversation with a small real model',
  about:
    'Starts a small language model on this machine (installed on first use: about 200 MB; vLLM: 3.5 GB), has a conversation with it, and shows what happened: every answer, where the time went, and CPU and memory. Needs no GPU, no root and no server.',
  arguments: [],
  records: true,
  options: ['engine', 'model', 'turns', 'os', 'probes', 'out', 'json', 'quiet'],
  overrides: {
    model: { value: 'PATH|ID', doc: 'model to load; see `engine`', default: 'SmolLM2-135M-Instruct' },
    os: {
      value: 'auto',
      choices: ['auto'],
      doc: 'also record the engine as the kernel sees it, from before it loads its model (docs/os.md): by bpftrace as root, else from /proc',
    },
    turns: { kind: 'integer', value: 'N', min: 1, doc: 'turns of the conversation', default: '4' },
  },
  examples: [
    { line: 'layerline demo', what: 'takes less than a minute, once installed' },
    { line: 'layerline demo --engine vllm', what: 'the same conversation with vLLM' },
    { line: 'layerline demo --os auto', what: 'with the cold start of the engine as the kernel sees it (as root)' },
    { line: 'layerline demo --turns 2 --out my-run', what: 'shorter, into a folder of your choice' },
  ],
})
