/** What a piece of text is, not how it looks. */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'warn' | 'bad' | Hue

/** The families of charts. */
export type Hue = 'flow' | 'tokens' | 'latency' | 'machine'

/** Bits of colour, as `tty.WriteStream.getColorDepth` tells them. */
export type ColorDepth = 1 | 4 | 8 | 24

export interface Palette {
  paint(text: string, tone: Tone): string
  /** A row of a graph, `height` 0 at its foot to 1 at its top. */
  graph(text: string, hue: Hue, height: number): string
}

const BASIC: Readonly<Record<Tone, string>> = {
  plain: '',
  strong: '1',
  dim: '2',
  good: '32',
  warn: '33',
  bad: '31',
  flow: '32',
  tokens: '36',
  latency: '35',
  machine: '34',
}

/** Foot and top of each family's graphs: muted below, so that only peaks shine. */
const SHADES: Readonly<Record<Hue, readonly [foot: Rgb, top: Rgb]>> = {
  flow: [
    [38, 110, 84],
    [120, 220, 160],
  ],
  tokens: [
    [36, 98, 130],
    [110, 205, 240],
  ],
  latency: [
    [104, 80, 148],
    [205, 170, 255],
  ],
  machine: [
    [70, 92, 140],
    [150, 185, 255],
  ],
}

/** The same in the 256 colours, where a straight line between two colours crosses others. */
const RAMPS: Readonly<Record<Hue, readonly number[]>> = {
  flow: [29, 35, 72, 78, 115],
  tokens: [24, 31, 38, 74, 117],
  latency: [60, 97, 98, 140, 183],
  machine: [60, 61, 68, 75, 111],
}

const TONES_256: Readonly<Partial<Record<Tone, number>>> = { dim: 245, good: 114, warn: 221, bad: 203 }

const TONES_RGB: Readonly<Partial<Record<Tone, Rgb>>> = {
  dim: [128, 134, 148],
  good: [130, 214, 150],
  warn: [240, 195, 95],
  bad: [245, 110, 110],
}

type Rgb = readonly [number, number, number]

/** Colours for a terminal of that depth; at depth 1 nothing is painted and no escape sequence is written. */
export function paletteFor(depth: ColorDepth): Palette {
  if (depth === 1) return { paint: (text) => text, graph: (text) => text }
  const wrap = (code: string, text: string) => (code === '' || text === '' ? text : `\x1b[${code}m${text}\x1b[0m`)
  if (depth === 4) {
    return { paint: (text, tone) => wrap(BASIC[tone], text), graph: (text, hue) => wrap(BASIC[hue], text) }
  }
  const toneCode = (tone: Tone): string => {
    if (depth === 24) {
      const rgb = tone in SHADES ? SHADES[tone as Hue][1] : TONES_RGB[tone]
      return rgb === undefined ? BASIC[tone] : trueColor(rgb)
    }
    const index = tone in RAMPS ? RAMPS[tone as Hue].at(-1) : TONES_256[tone]
    return index === undefined ? BASIC[tone] : `38;5;${index}`
  }
  const graphCode = (hue: Hue, height: number): string => {
    if (depth === 24) return trueColor(mix(SHADES[hue], height))
    const ramp = RAMPS[hue]
    return `38;5;${ramp[Math.round(height * (ramp.length - 1))]}`
  }
  return {
    paint: (text, tone) => wrap(toneCode(tone), text),
    graph: (text, hue, height) => wrap(graphCode(hue, height), text),
  }
}

function mix([foot, top]: readonly [Rgb, Rgb], height: number): Rgb {
  const at = (i: 0 | 1 | 2) => Math.round(foot[i] + (top[i] - foot[i]) * height)
  return [at(0), at(1), at(2)]
}

function trueColor([r, g, b]: Rgb): string {
  return `38;2;${r};${g};${b}`
}
