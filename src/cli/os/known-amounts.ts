import { EXIT, LayerlineError } from '../../base/errors.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { table } from '../../dashboard/text/table.ts'
import type { OsSource } from '../../sources/os/os-source.ts'
import { hasColor } from '../views/print-report.ts'

/** What the program calls itself while it does its known amounts. */
const NAME = 'known-amounts'
/** Counted by the name of the thread, and so without what the interpreter does under another. */
const BY_NAME = ['mmap_calls', 'mlock_calls'] as const
/** Amounts that are counted per process, not from events. */
const BY_PROCESS = ['mlock_bytes', 'read_bytes'] as const

/** An amount that the program did, and what the layer counted of it; null: the layer did not look. */
export interface KnownAmount {
  readonly name: string
  readonly did: number
  readonly counted: number | null
}

/** What is known of a program from what it prints, against what was counted. */
export type Amounts = (output: string, seen: Pick<OsSource, 'counts' | 'totals' | 'files'>) => KnownAmount[]

/** What was counted, against the line of JSON that the program printed. */
export function knownAmounts(output: string, seen: Pick<OsSource, 'counts' | 'totals' | 'files'>): KnownAmount[] {
  const did = truthOf(output)
  const isLooked = (name: string): boolean => seen.files.includes(FILE_OF[name] ?? '')
  return [
    ...BY_NAME.map((name) => {
      const counted = seen
        .counts()
        .filter((each) => each.name === name && each.pid === did.pid && each.comm === NAME)
        .reduce((sum, { value }) => sum + value, 0)
      return { name, did: did[name] ?? 0, counted: isLooked(name) ? counted : null }
    }),
    ...BY_PROCESS.map((name) => {
      const counted = seen
        .totals()
        .filter((each) => each.name === name && Number.parseInt(each.process ?? '', 10) === did.pid)
        .reduce((sum, { value }) => sum + value, 0)
      return { name, did: did[name] ?? 0, counted: isLooked(name) ? counted : null }
    }),
  ]
}

/** The file of bpf/ that counts each. */
const FILE_OF: Readonly<Record<string, string>> = {
  mmap_calls: 'mmap',
  mlock_calls: 'mlock',
  mlock_bytes: 'mlock',
  read_bytes: 'io',
}

export function amountLines(amounts: readonly KnownAmount[]): string[] {
  if (amounts.length === 0) return []
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = amounts.map(({ name, did, counted }) => [
    name,
    String(did),
    counted === null ? '-' : String(counted),
    counted === null ? 'not looked at' : counted === did ? 'equal' : 'DIFFERS',
  ])
  const columns = [{ title: 'known amount' }, right('did'), right('counted'), { title: '' }]
  return table(columns, rows, paintFor(hasColor()).dim)
}

export function amountsCode(amounts: readonly KnownAmount[]): number {
  return amounts.some(({ did, counted }) => counted !== null && counted !== did) ? EXIT.badVerdict : EXIT.done
}

function truthOf(output: string): Record<string, number> {
  const line = output.split('\n').find((each) => each.startsWith('{'))
  if (line === undefined)
    throw new LayerlineError('input/command', 'os run --simulate: the program did not say what it did')
  return JSON.parse(line) as Record<string, number>
}
