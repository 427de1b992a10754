import { useEffect, useState } from 'preact/hooks'
import { getJson, PageError } from './api.ts'

export type Answer<T> = { state: 'loading' } | { state: 'failed'; error: PageError } | { state: 'done'; value: T }

/** Asks the server, again when `path` changes; an answer to an older question is dropped. Null asks nothing. */
export function useAnswer<T>(path: string | null, again: unknown = null): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ state: 'loading' })
  useEffect(() => {
    if (path === null) return
    const abort = new AbortController()
    setAnswer((before) => (before.state === 'done' && again !== null ? before : { state: 'loading' }))
    getJson<T>(path, abort.signal).then(
      (value) => {
        if (!abort.signal.aborted) setAnswer({ state: 'done', value })
      },
      (error: unknown) => {
        if (abort.signal.aborted) return
        const known =
          error instanceof PageError ? error : new PageError({ code: 'page/error', message: String(error), hint: null })
        setAnswer({ state: 'failed', error: known })
      },
    )
    return () => abort.abort()
  }, [path, again])
  return answer
}
