import { defineCommand } from '../command.ts'

export const demoCommand = defineCommand({
  name: 'demo',
  summary: 'a real conversation with a small real model, traced',
  about:
    'Starts a small language model on this machine (installed on first use: about 200 MB; vLLM: 3.5 GB), talks with it, and shows what happened: every answer, where the time went, and the processor and memory of the machine and the engine beside it. Needs no GPU, no root and no server.',
  arguments: [],
  records: true,
  options: ['engine', 'model', 'turns', 'os', 'probes', 'out', 'json', 'quiet'],
  overrides: {
    model: { value: 'PATH|ID', doc: 'what the engine shall load; see `engine`', default: 'SmolLM2-135M-Instruct' },
    os: {
      value: 'auto',
      choices: ['auto'],
      doc: 'also what the kernel sees of the engine, from before it loads its model (docs/os.md): by bpftrace as root, else from /proc',
    },
    turns: { kind: 'integer', value: 'N', min: 1, doc: 'turns of the conversation', default: '4' },
  },
  examples: [
    { line: 'layerline demo', what: 'a minute at most, once installed' },
    { line: 'layerline demo --engine vllm', what: 'the same conversation with vLLM' },
    { line: 'layerline demo --os auto', what: 'with the cold start of the engine, as the kernel sees it (as root)' },
    { line: 'layerline demo --turns 2 --out my-run', what: 'shorter, into a folder of your choice' },
  ],
})
