import { DIFF_DEVICES } from '../../analysis/kernels/hta/diff-devices.ts'
import { defineCommand } from '../command.ts'

export const compareCommand = defineCommand({
  name: 'compare',
  summary: 'compare two runs',
  about:
    "With --rules hta: operators, calls and kernels of the first rank that were added, were removed, or occur more or less often, as in HTA's trace diff. Compares one ProfilerStep, or the whole profile if it has none.",
  arguments: [
    { name: 'A', doc: 'folder of the first run' },
    { name: 'B', doc: 'folder of the second run' },
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
    { line: 'layerline compare A B --rules hta --json', what: 'names that were added, removed or changed in number' },
    {
      line: 'layerline compare A B --rules hta --iteration 5,12 --device gpu',
      what: 'kernels of step 5 of A and 12 of B',
    },
  ],
})
