import { opsDiff } from '../../analysis/kernels/hta/trace-diff.ts'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { printable } from '../../dashboard/text/text.ts'
import { openRun } from '../../store/read/open-run.ts'
import { defineCommand } from '../command.ts'

const SHOWN = 20

export const compareCommand = defineCommand({
  name: 'compare',
  summary: 'what changed between two runs',
  about:
    "With --rules hta: which operators, calls and kernels of the first rank came, went, or occur more or less often, in the first ProfilerStep or, where there is none, in the whole profile; as HTA's trace diff tells it.",
  arguments: [
    { name: 'A', doc: 'folder of the run compared with' },
    { name: 'B', doc: 'folder of the other run' },
  ],
  options: ['rules', 'json'],
  examples: [{ line: 'layerline compare A B --rules hta --json', what: 'lists of names' }],
  async run({ arguments: [a, b], options }) {
    if (options.rules === undefined) {
      throw new LayerlineError('usage/rules', 'compare needs --rules hta: profiles are all that it compares yet')
    }
    const control = await openRun(a ?? '')
    try {
      const test = await openRun(b ?? '')
      try {
        const ops = await opsDiff(control, test)
        if (options.json) process.stdout.write(`${JSON.stringify({ rules: 'hta', ops }, null, 2)}\n`)
        else {
          for (const [what, names] of Object.entries(ops) as [string, string[]][]) {
            process.stdout.write(`${what}: ${names.length}\n`)
            for (const name of what === 'unchanged' ? [] : names.slice(0, SHOWN))
              process.stdout.write(`  ${printable(name)}\n`)
          }
        }
      } finally {
        await test.close()
      }
    } finally {
      await control.close()
    }
    return EXIT.done
  },
})
