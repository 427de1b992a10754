import type { ComponentChildren } from 'preact'
import type { PageError } from '../base/api.ts'
import type { Answer } from '../base/use-answer.ts'

/** While nothing is there yet: takes the place of what comes, so that nothing jumps. */
export function Loading({ what, rows = 4 }: { what: string; rows?: number }) {
  return (
    <div class="loading" role="status" aria-label={what}>
      <p class="muted">{what}</p>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} class="skeleton" />
      ))}
    </div>
  )
}

export function Failed({ error, children }: { error: PageError; children?: ComponentChildren }) {
  return (
    <div class="notice bad" role="alert">
      <strong>{error.message}</strong>
      {error.hint !== null && <p>{error.hint}</p>}
      {children}
    </div>
  )
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  )
}

/** What an answer shows in each of its states. */
export function Answered<T>({
  answer,
  what,
  rows,
  children,
}: {
  answer: Answer<T>
  what: string
  rows?: number
  children: (value: T) => ComponentChildren
}) {
  if (answer.state === 'loading') return <Loading what={what} {...(rows === undefined ? {} : { rows })} />
  if (answer.state === 'failed') return <Failed error={answer.error} />
  return <>{children(answer.value)}</>
}

/** A command to copy. */
export function Command({ line }: { line: string }) {
  return (
    <span class="command">
      <code>{line}</code>
      <button
        type="button"
        class="quiet"
        aria-label={`copy: ${line}`}
        title="copy"
        onClick={(event) => {
          const button = event.currentTarget
          void navigator.clipboard?.writeText(line).then(() => {
            button.textContent = 'copied'
            setTimeout(() => {
              button.textContent = 'copy'
            }, 1500)
          })
        }}
      >
        copy
      </button>
    </span>
  )
}
