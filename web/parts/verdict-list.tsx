import type { RunRow } from '../../src/server/web/api-types.ts'

type VerdictLine = RunRow['verdict'][number]

const MARKS = { bad: '✕', warn: '!', note: '·', ok: '✓' } as const
const SAYS = { bad: 'bad', warn: 'caveat', note: 'note', ok: 'good' } as const

export function VerdictList({ lines }: { lines: readonly VerdictLine[] }) {
  return (
    <ul class="verdict">
      {lines.map((line, i) => (
        <li key={i} class={line.level}>
          <span class="mark" role="img" aria-label={SAYS[line.level]}>
            {MARKS[line.level]}
          </span>
          <span>{line.text}</span>
        </li>
      ))}
    </ul>
  )
}
