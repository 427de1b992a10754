import { useEffect, useRef, useState } from 'preact/hooks'
import type { SearchHit } from '../../src/server/web/api-types.ts'
import { getJson, runPath } from '../base/api.ts'
import { duration } from '../base/format.ts'
import type { Selected } from './model.ts'

/** Finds requests by id or prompt and slices by name; arrows and Enter choose. */
export function SearchBox({ id, onFound }: { id: string; onFound: (what: Selected) => void }) {
  const [text, setText] = useState('')
  const [found, setFound] = useState<readonly SearchHit[] | null>(null)
  const [at, setAt] = useState(0)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (text.trim() === '') {
      setFound(null)
      return
    }
    const abort = new AbortController()
    const timer = setTimeout(() => {
      getJson<SearchHit[]>(runPath(id, `/search?q=${encodeURIComponent(text)}`), abort.signal).then(
        (hits) => {
          setFound(hits)
          setAt(0)
        },
        () => setFound([]),
      )
    }, 150)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [id, text])
  const choose = (hit: SearchHit | undefined) => {
    if (hit === undefined) return
    onFound({ kind: hit.kind, id: hit.id })
    setText('')
    input.current?.blur()
  }
  return (
    <div class="search">
      <input
        ref={input}
        type="text"
        role="combobox"
        aria-label="search requests and slices"
        aria-expanded={found !== null}
        aria-controls="search-results"
        aria-activedescendant={found === null || found.length === 0 ? undefined : `search-${at}`}
        placeholder="Search  /"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          const most = (found?.length ?? 1) - 1
          if (event.key === 'ArrowDown') setAt(Math.min(most, at + 1))
          else if (event.key === 'ArrowUp') setAt(Math.max(0, at - 1))
          else if (event.key === 'Enter') choose(found?.[at])
          else if (event.key === 'Escape') {
            setText('')
            input.current?.blur()
          } else return
          event.preventDefault()
        }}
      />
      <div id="search-results" role="listbox" aria-label="found" hidden={found === null}>
        {found?.length === 0 && <p class="none">Nothing of that name in the run.</p>}
        {found?.map((hit, i) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field above has the keys
          <div
            key={`${hit.kind}${hit.id}`}
            id={`search-${i}`}
            role="option"
            tabIndex={-1}
            aria-selected={i === at}
            onClick={() => choose(hit)}
          >
            <bdi>{hit.label}</bdi>
            <span class="muted">{duration(hit.dur_ns)}</span>
          </div>
        ))}
      </div>
    </div>
  )
}
