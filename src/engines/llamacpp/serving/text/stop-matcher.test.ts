import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StopMatcher } from './stop-matcher.ts'

function feed(stops: string[], pieces: string[]): { sent: string[]; stopped: boolean } {
  const matcher = new StopMatcher(stops)
  const sent: string[] = []
  for (const piece of pieces) {
    const { text, stopped } = matcher.push(piece)
    sent.push(text)
    if (stopped) return { sent, stopped }
  }
  sent.push(matcher.flush())
  return { sent, stopped: false }
}

describe('StopMatcher', () => {
  it('stops before a stop string that is split over pieces', () => {
    expect(feed(['END'], ['ab', 'E', 'N', 'D', 'never'])).toEqual({ sent: ['ab', '', '', ''], stopped: true })
  })

  it('sends what only looked like the beginning of a stop string', () => {
    expect(feed(['END'], ['E', 'N', 'x'])).toEqual({ sent: ['', '', 'ENx', ''], stopped: false })
    expect(feed(['END'], ['aEN'])).toEqual({ sent: ['a', 'EN'], stopped: false })
  })

  it('takes the earliest of several stop strings', () => {
    expect(feed(['cd', 'b'], ['abcd'])).toEqual({ sent: ['a'], stopped: true })
  })

  it('finds a stop string behind a failed beginning of itself', () => {
    expect(feed(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ sent: ['', '', 'a', ''], stopped: true })
  })

  it('passes everything through without stop strings, and ignores empty ones', () => {
    expect(feed([''], ['a', 'b'])).toEqual({ sent: ['a', 'b', ''], stopped: false })
  })

  it('sends exactly the text before the first stop string, however the text is split', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'é', '😀'), maxLength: 3 })
    fc.assert(
      fc.property(fc.array(letters), fc.array(letters, { maxLength: 3 }), (pieces, stops) => {
        const whole = pieces.join('')
        // The shortest beginning of the text that ends with a stop string, less the longest such.
        const some = stops.filter((stop) => stop !== '')
        const ends = Array.from({ length: whole.length + 1 }, (_, end) => whole.slice(0, end))
        const head = ends.find((beginning) => some.some((stop) => beginning.endsWith(stop)))
        const longest = Math.max(0, ...some.filter((stop) => head?.endsWith(stop)).map((stop) => stop.length))
        const { sent, stopped } = feed(stops, pieces)
        expect(stopped).toBe(head !== undefined)
        expect(sent.join('')).toBe(head === undefined ? whole : head.slice(0, head.length - longest))
        for (const stop of stops) if (stop !== '') expect(sent.join('')).not.toContain(stop)
      }),
      { numRuns: 1000 },
    )
  })

  it('takes the stop string that is whole first', () => {
    expect(feed(['a', '😀aa'], ['😀a', 'a'])).toEqual({ sent: ['😀'], stopped: true })
    expect(feed(['a', '😀aa'], ['😀aa'])).toEqual({ sent: ['😀'], stopped: true })
  })
})
