import { basename } from 'node:path'
import type { ReadFile } from './import-trace.ts'
import type { TraceRun } from './trace-run.ts'

const FIRST_YEAR_US = Date.UTC(2000, 0) * 1000

/** Says of each file what was left out, mended or assumed. */
export function noteTrace(run: TraceRun, files: readonly ReadFile[]): void {
  for (const file of files) {
    const name = basename(file.path)
    const { counts, facts } = file
    const say = (level: 'note' | 'warn', what: string, text: string) => run.note(level, what, `${name}: ${text}`)
    say('note', 'import', `${counts.events} events read, ${file.rows} slices kept`)
    if (counts.broken > 0) {
      say('warn', 'import-skipped', `${counts.broken} events skipped: they are not JSON, or have no time`)
      run.lose('slices', counts.broken)
    }
    if (counts.unescaped > 0)
      say('note', 'import-mended', `${counts.unescaped} quotes stand unescaped in texts; they were kept`)
    if (file.damage !== null)
      say('warn', 'import-cut', `unpacking ended early (${file.damage}); what came before is here`)
    else if (counts.cut) say('warn', 'import-cut', 'the file ends within its list of events; what came before is here')
    if (counts.unpaired > 0)
      say('warn', 'import-unpaired', `${counts.unpaired} begins without an end, or ends without a begin, left out`)
    if (counts.python > 0)
      say('note', 'import-stacks', `${counts.python} Python functions left out; --stacks keeps them`)
    if (facts.baseTimeNs === null && !(file.zeroUs > FIRST_YEAR_US)) {
      say('warn', 'import-clock', 'it does not say when it was recorded: its times are since an unknown start')
    }
    if (file.rank === null) say('note', 'import-rank', "vLLM's front end: no rank")
    else if (facts.rank === null) say('note', 'import-rank', `no rank in it; taken as rank ${file.rank}`)
  }
}
