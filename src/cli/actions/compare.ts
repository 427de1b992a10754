import type { DiffDevice } from '../../analysis/kernels/hta/diff-devices.ts'
import { opsDiff } from '../../analysis/kernels/hta/trace-diff.ts'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { printable } from '../../dashboard/text/text.ts'
import { openRun } from '../../store/read/open-run.ts'
import type { Run } from '../command.ts'
import type { compareCommand } from '../commands/compare.ts'
import { busy } from '../views/busy.ts'

const SHOWN = 20

export const runCompare: Run<typeof compareCommand> = async ({ arguments: [a, b], options }) => {
  if (options.rules === undefined) {
    throw new LayerlineError('usage/rules', 'compare needs --rules hta: profiles are all that it compares yet')
  }
  const iterations = iterationsOf(options.iteration)
  const control = await openRun(a ?? '')
  try {
    const test = await openRun(b ?? '')
    try {
      const compared = await busy(process.stderr, false, 'comparing', () =>
        opsDiff(control, test, (options.device ?? 'all') as DiffDevice, iterations),
      )
      if (options.json) process.stdout.write(`${JSON.stringify({ rules: 'hta', ...compared }, null, 2)}\n`)
      else {
        for (const [what, names] of Object.entries(compared.ops) as [string, string[]][]) {
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
}

function iterationsOf(given: readonly string[] | undefined): { a?: number; b?: number } {
  if (given === undefined) return {}
  if (given.length > 2 || !given.every((each) => /^\d{1,15}$/.test(each))) {
    throw new LayerlineError(
      'usage/iteration',
      `--iteration ${given.join(',')}: expected a whole number, or two with a comma`,
    )
  }
  const [a, b] = given.map(Number) as [number, number | undefined]
  return { a, b: b ?? a }
}
