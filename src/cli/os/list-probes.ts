import { EXIT, type LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { table } from '../../dashboard/text/table.ts'
import { withoutControls } from '../../dashboard/text/text.ts'
import { PROBE_ALIASES, PROBE_SETS, type ProbeSet, probeSet } from '../../sources/os/probe-sets.ts'
import { SILENT } from '../../sources/os/runner/bpftrace-errors.ts'
import { tryProbes } from '../../sources/os/runner/try-probes.ts'
import { hasColor } from '../views/print-report.ts'
import { progressLine } from '../views/progress-line.ts'

interface ListedFile {
  name: string
  what: string
  works: boolean
  problem: string | null
  hint: string | null
}

/** Tries every set of probes and says which works here. */
export async function listProbes(options: { json: boolean }): Promise<number> {
  const names = [...PROBE_SETS, ...PROBE_ALIASES]
  const tried = await tryAll(names.flatMap((name) => probeSet(name).files))
  const sets = names.map((name) => {
    const { cost, files } = probeSet(name)
    const listed = files.flatMap((file) => tried.get(file.name) ?? [])
    return { name, cost, works: listed.every(({ works }) => works), files: listed }
  })
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

/** Each file once, by its name. */
async function tryAll(files: ProbeSet['files']): Promise<Map<string, ListedFile>> {
  const tried = new Map<string, ListedFile>()
  const total = new Set(files.map(({ name }) => name)).size
  const line = progressLine(process.stderr, false)
  let silent: LayerlineError | null = null
  try {
    for (const file of files) {
      if (tried.has(file.name)) continue
      line.show('trying probes', tried.size / total, `${tried.size}/${total} ${file.name}`)
      // One that says nothing says nothing of any other: it is not waited for again.
      const problem: LayerlineError | null = silent ?? (await tryProbes(file, { signal: interruption.signal })).problem
      interruption.signal.throwIfAborted()
      if (problem?.code === SILENT) silent = problem
      tried.set(file.name, {
        name: file.name,
        what: file.what,
        works: problem === null || problem.code === 'missing/library',
        problem: problem?.message ?? null,
        hint: problem?.hint ?? null,
      })
    }
  } finally {
    line.clear()
  }
  return tried
}
