import { token } from '../base/theme.ts'

/** Colours of the style sheet, read once for each theme. */
export interface Palette {
  readonly panel: string
  readonly raised: string
  readonly line: string
  readonly text: string
  readonly muted: string
  readonly accent: string
  readonly bad: string
  readonly prefill: string
  readonly decode: string
  readonly tick: string
  readonly layers: Readonly<Record<string, string>>
  readonly names: readonly string[]
  readonly onName: string
  readonly font: string
}

/** Told apart with any of the common kinds of colour blindness: light and dark differ as well as hue. */
const LIGHT = [
  '#3a78cc',
  '#e0a03c',
  '#2f9e8f',
  '#9a7fd1',
  '#d1774f',
  '#7ea83a',
  '#c77fb2',
  '#7c8ca3',
  '#57b0d8',
  '#b9a24a',
  '#4d8f63',
  '#a5655e',
]
const DARK = [
  '#6ba3ee',
  '#e9b65c',
  '#4cc0af',
  '#b29cf0',
  '#e59272',
  '#9cc95c',
  '#dd9bcb',
  '#98a8bd',
  '#7fcbee',
  '#d3bf6c',
  '#6fb588',
  '#c98981',
]

export function readPalette(theme: 'light' | 'dark'): Palette {
  const layers = Object.fromEntries(
    ['engine', 'kernel', 'gpu', 'os', 'client', 'host'].map((name) => [name, token(`--${name}`)]),
  )
  return {
    panel: token('--panel'),
    raised: token('--raised'),
    line: token('--line'),
    text: token('--text'),
    muted: token('--muted'),
    accent: token('--accent'),
    bad: token('--bad'),
    prefill: token('--prefill'),
    decode: token('--decode'),
    tick: token('--tick'),
    layers,
    names: theme === 'dark' ? DARK : LIGHT,
    onName: '#10151d',
    font: '11px system-ui, "Segoe UI", "Noto Sans", sans-serif',
  }
}

const known = new Map<string, number>()

/** A name's colour: the same wherever it stands. */
export function colourOf(palette: Palette, name: string): string {
  if (name === 'prefill' || name === 'chunked prefill') return palette.prefill
  if (name === 'decode') return palette.decode
  let hash = known.get(name)
  if (hash === undefined) {
    hash = 0
    for (let i = 0; i < Math.min(name.length, 120); i++) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0
    hash = Math.abs(hash)
    if (known.size > 50_000) known.clear()
    known.set(name, hash)
  }
  return palette.names[hash % palette.names.length] as string
}
