import type { RunRow } from '../../src/server/web/api-types.ts'
import { href } from '../base/route.ts'
import { toggleTheme, useTheme } from '../base/theme.ts'

interface TopBarProps {
  readonly id: string | null
  readonly name: string
  readonly view: string
  readonly views: Readonly<Record<string, { title: string }>>
  readonly run: RunRow | null
}

export function TopBar({ id, name, view, views, run }: TopBarProps) {
  const theme = useTheme()
  return (
    <header class="top">
      <a class="brand" href="#/runs" aria-label="Layerline: all runs">
        <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
          <rect x="1" y="2" width="9" height="3" rx="1" fill="var(--decode)" />
          <rect x="4" y="6.5" width="11" height="3" rx="1" fill="var(--prefill)" />
          <rect x="2" y="11" width="7" height="3" rx="1" fill="var(--engine)" />
        </svg>
        Layerline
      </a>
      {id !== null && (
        <span class="crumb" title={name}>
          <bdi>{name || id}</bdi>
          {run?.state === 'recording' && <span class="badge live">recording</span>}
        </span>
      )}
      {id !== null && (
        <nav class="tabs" aria-label="Views of the run">
          {Object.entries(views).map(([key, { title }]) => (
            <a key={key} href={href(['run', id, key])} aria-current={key === view ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
      )}
      <span class="spacer" />
      <button
        type="button"
        class="quiet"
        onClick={toggleTheme}
        aria-label={theme === 'dark' ? 'light colours' : 'dark colours'}
        title="light or dark"
      >
        {theme === 'dark' ? '☀' : '☾'}
      </button>
    </header>
  )
}
