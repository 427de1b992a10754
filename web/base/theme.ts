import { useEffect, useState } from 'preact/hooks'

export type Theme = 'light' | 'dark'
const KEY = 'layerline-theme'

function wanted(): Theme {
  const kept = localStorage.getItem(KEY)
  if (kept === 'light' || kept === 'dark') return kept
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

function apply(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  document.documentElement.style.colorScheme = theme
  dispatchEvent(new Event('themechange'))
}

/** The theme that was chosen, else the system's; follows the system until one is chosen. */
export function startTheme(): void {
  apply(wanted())
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => apply(wanted()))
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'
  localStorage.setItem(KEY, next)
  apply(next)
}

export function useTheme(): Theme {
  const [theme, setTheme] = useState<Theme>(() =>
    document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light',
  )
  useEffect(() => {
    const onChange = () => setTheme(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light')
    addEventListener('themechange', onChange)
    return () => removeEventListener('themechange', onChange)
  }, [])
  return theme
}

/** A colour of the style sheets, for a canvas. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
