import { DIFF_DEVICES } from '../../analysis/kernels/hta/diff-devices.ts'
import { defineCommand } from '../command.ts'

export const compareCommand = defineCommand({
  name: 'compare',
  summary: 'what changed between two runs',
  about:
    "With --rules hta: which operators, calls and kernels of the first rank came, went, or occur more or less often, in one ProfilerStep or, where there is none, in the whole profile; as HTA's trace diff tells it.",
  arguments: [
    { name: 'A', doc: 'folder of the run compared with' },
    { name: 'B', doc: 'folder of the other run' },
  ],
  options: ['rules', 'iteration', 'device', 'json'],
  overrides: {
    device: {
      value: 'all|cpu|gpu',
      choices: DIFF_DEVICES,
      doc: 'gpu: what ran on a stream; cpu: operators, calls and all else',
      default: 'all',
    },
  },
  examples: [
    { line: 'layerline compare A B --rules hta --json', what: 'lists of names' },
    {
      line: 'layerline compare A B --rules hta --iteration 5,12 --device gpu',
      what: 'kernels of step 5 of A and 12 of B',
    },
  ],
})
