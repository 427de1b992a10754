import { EXIT, type LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { table } from '../../dashboard/text/table.ts'
import { withoutControls } from '../../dashboard/text/text.ts'
import { PROBE_ALIASES, PROBE_SETS, probeSet } from '../../sources/os/probe-sets.ts'
import { SILENT } from '../../sources/os/runner/bpftrace-errors.ts'
import { tryProbes } from '../../sources/os/runner/try-probes.ts'
import { hasColor } from '../views/print-report.ts'

interface ListedFile {
  name: string
  what: string
  works: boolean
  problem: string | null
  hint: string | null
}

/** Tries every set of probes and says which works here. */
export async function listProbes(options: { json: boolean }): Promise<number> {
  const tried = new Map<string, ListedFile>()
  const sets = []
  let silent: LayerlineError | null = null
  for (const name of [...PROBE_SETS, ...PROBE_ALIASES]) {
    const { cost, files } = probeSet(name)
    const listed: ListedFile[] = []
    for (const file of files) {
      let known = tried.get(file.name)
      if (known === undefined) {
        // One that says nothing says nothing of any other: it is not waited for again.
        const problem: LayerlineError | null =
          silent ?? (await tryProbes(file, { signal: interruption.signal })).problem
        interruption.signal.throwIfAborted()
        if (problem?.code === SILENT) silent = problem
        const waits = problem?.code === 'missing/library'
        known = {
          name: file.name,
          what: file.what,
          works: problem === null || waits,
          problem: problem?.message ?? null,
          hint: problem?.hint ?? null,
        }
        tried.set(file.name, known)
      }
      listed.push(known)
    }
    sets.push({ name, cost, works: listed.every(({ works }) => works), files: listed })
  }
  if (options.json) {
    process.stdout.write(`${JSON.stringify(sets, null, 2)}\n`)
    return EXIT.done
  }
  const paint = paintFor(hasColor())
  const rows = sets.flatMap(({ name, cost, files }) =>
    files.map(({ what, works, problem }, i) => [
      i === 0 ? name : '',
      i === 0 ? cost : '',
      {
        text: problem === null ? 'works' : works ? 'with its library' : 'off',
        paint: works ? paint.green : paint.yellow,
      },
      what,
    ]),
  )
  const lines = table(
    [{ title: 'set' }, { title: 'cost' }, { title: 'here' }, { title: 'what', max: 110 }],
    rows,
    paint.dim,
  )
  const problems = [
    ...new Set(
      [...tried.values()].flatMap(({ works, problem, hint }) =>
        works || problem === null ? [] : [withoutControls(`${problem}${hint === null ? '' : `\n  -> ${hint}`}`)],
      ),
    ),
  ]
  process.stdout.write(`${[...lines, ...problems].join('\n')}\n`)
  return EXIT.done
}
