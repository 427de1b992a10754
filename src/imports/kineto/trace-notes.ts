import { basename } from 'node:path'
import type { ReadFile } from './read-file.ts'
import type { TraceRun } from './trace-run.ts'

const FIRST_YEAR_US = Date.UTC(2000, 0) * 1000
const SHOWN_NAME = 60

/** Events that are not slices by the format, by their letter; metadata are read, and need no note. */
const KINDS: Readonly<Record<string, string>> = {
  s: 'flows',
  t: 'flows',
  f: 'flows',
  N: 'objects',
  O: 'objects',
  D: 'objects',
  V: 'memory dumps',
  v: 'memory dumps',
  R: 'marks',
  c: 'clock synchronisations',
  '(': 'contexts',
  ')': 'contexts',
  C: 'counter events without a number',
  '': 'events without a kind (`ph`)',
}

/** Why events are not in the run: a code, and the message for so many of them. */
interface Loss {
  readonly what: string
  readonly count: number
  readonly text: string
}

/** Says of each file what was skipped, repaired or assumed. */
export function noteTrace(run: TraceRun, files: readonly ReadFile[]): void {
  for (const file of files) {
    const name = basename(file.path)
    const { counts, facts } = file
    const say = (level: 'note' | 'warn', what: string, text: string) => run.note(level, what, `${name}: ${text}`)
    say('note', 'import', `${counts.events} events read, ${file.rows} slices kept`)
    const losses = lossesOf(file).filter(({ count }) => count > 0)
    for (const { what, count, text } of losses) say('warn', what, `${eventsText(count)} skipped: ${text}`)
    const lost = losses.reduce((sum, { count }) => sum + count, 0)
    if (lost > 0) run.lose('slices', lost)
    if (file.implausible.wildSamples > 0) {
      say('warn', 'import-wild-time', `${file.implausible.wildSamples} counter samples skipped: ${WILD}`)
      run.lose('counters', file.implausible.wildSamples)
    }
    if (counts.badArgs > 0)
      say('warn', 'import-args', `${eventsText(counts.badArgs)} kept without their args, which are not JSON`)
    if (counts.unescaped > 0)
      say('note', 'import-mended', `${counts.unescaped} quotes stand unescaped in texts; they were kept`)
    if (file.damage !== null)
      say('warn', 'import-cut', `unpacking ended early (${file.damage}); what came before is here`)
    else if (counts.cut) say('warn', 'import-cut', 'the file ends within its list of events; what came before is here')
    else if (counts.open)
      say('note', 'import-open', 'its list of events has no closing bracket, which the format allows')
    if (counts.unpaired > 0)
      say(
        'warn',
        'import-unpaired',
        `${counts.unpaired} start events without an end, or end events without a start, skipped`,
      )
    if (counts.python > 0)
      say('note', 'import-stacks', `${counts.python} Python functions skipped; --stacks keeps them`)
    for (const [kind, count] of othersOf(counts.others)) say('note', 'import-kinds', `${count} ${kind} skipped`)
    noteOverlaps(file, say)
    if (facts.baseTimeNs === null && !((file.firstUs ?? 0) > FIRST_YEAR_US)) {
      say('warn', 'import-clock', 'it does not say when it was recorded: its times are since an unknown start')
    }
    if (file.rank === null) say('note', 'import-rank', "vLLM's front end: no rank")
    else if (facts.rank === null) say('note', 'import-rank', `no rank in it; taken as rank ${file.rank}`)
  }
}

const WILD = 'stamped 0 or earlier, or more than a day apart from the others, which no recording shows'

function lossesOf({ counts, implausible }: ReadFile): Loss[] {
  return [
    { what: 'import-skipped', count: counts.broken, text: 'they are not JSON' },
    { what: 'import-no-time', count: counts.noTime, text: 'they have no time (`ts`)' },
    { what: 'import-wild-time', count: counts.wildTime + implausible.wildSlices, text: WILD },
    { what: 'import-no-duration', count: counts.noDuration, text: 'complete events (`X`) without a duration (`dur`)' },
    {
      what: 'import-negative-duration',
      count: counts.negativeDuration,
      text: 'their duration is below 0, as the profiler writes for what still ran when it stopped',
    },
    {
      what: 'import-endless',
      count: counts.endless + implausible.endless,
      text: 'they last longer than the whole profile could, as the profiler writes for what still ran when it stopped',
    },
  ]
}

function othersOf(others: Readonly<Record<string, number>>): Map<string, number> {
  const kinds = new Map<string, number>()
  for (const [letter, count] of Object.entries(others)) {
    if (letter === 'M') continue
    const kind = KINDS[letter] ?? `events of an unknown kind (\`${letter}\`)`
    kinds.set(kind, (kinds.get(kind) ?? 0) + count)
  }
  return kinds
}

/** Tails overlap where a kernel may start early (programmatic dependent launch); one kernel within another does not. */
function noteOverlaps({ overlaps }: ReadFile, say: (level: 'note' | 'warn', what: string, text: string) => void): void {
  if (overlaps === null) return
  const { kernels, within, longestUs, names } = overlaps
  const [later, before] = names.map(
    (name) => `\`${name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME)}…` : name}\``,
  )
  const text = `${kernels} kernels begin before the one before them on their stream has ended, by up to ${longestUs} us (${later}, before the end of ${before}); all are kept`
  if (within === 0) say('note', 'import-overlap', text)
  else {
    say(
      'warn',
      'import-overlap',
      `${text}. ${within} lie wholly within another, whose duration is therefore not to be taken at its word`,
    )
  }
}

function eventsText(count: number): string {
  return `${count} event${count === 1 ? '' : 's'}`
}
