import { describe, expect, it } from 'vitest'
import { randomStream } from '../../base/random-stream.ts'
import { ELEMENTS } from './elements.ts'
import { opening, story } from './story.ts'

describe('the material', () => {
  it('has a hundred elements, each once and each with its article', () => {
    expect(new Set(ELEMENTS).size).toBe(100)
    expect(ELEMENTS).toHaveLength(100)
    for (const element of ELEMENTS) expect(element).toMatch(/^(a|an|the) [a-z' -]+$/)
  })

  it('writes sentences that vary: no word makes up a tenth, no sentence comes often', () => {
    const text = story(randomStream('vary'), 50_000)
    const words = text.toLowerCase().match(/[a-z']+/g) ?? []
    const sentences = text.match(/[^.]+\./g) ?? []
    const most = (of: string[]) => {
      const counts = new Map<string, number>()
      for (const one of of) counts.set(one, (counts.get(one) ?? 0) + 1)
      return Math.max(...[...counts].filter(([one]) => one !== 'the').map(([, count]) => count)) / of.length
    }
    expect(most(words)).toBeLessThan(0.1)
    expect(new Set(words).size).toBeGreaterThan(400)
    expect(new Set(sentences).size).toBeGreaterThan(0.98 * sentences.length)
    for (const sentence of sentences) expect(sentence.trim()).toMatch(/^[A-Z][A-Za-z ,]+\.$/)
  })

  it('begins each text in its own way', () => {
    const beginnings = Array.from({ length: 2000 }, (_, i) => opening(randomStream('o', i)).split(' ', 4).join(' '))
    expect(new Set(beginnings).size).toBeGreaterThan(1990)
  })
})

describe('randomStream', () => {
  it('is decided by its names, and even', () => {
    const draw = (...names: (string | number)[]) => {
      const random = randomStream(...names)
      return Array.from({ length: 20 }, () => random.below(1000))
    }
    expect(draw('a', 1)).toEqual(draw('a', 1))
    expect(draw('a', 1)).not.toEqual(draw('a', 2))
    expect(draw('a', 11)).not.toEqual(draw('a1', 1))
    const random = randomStream('even')
    const counts = new Array<number>(10).fill(0)
    for (let i = 0; i < 10_000; i++) counts[random.below(10)] = (counts[random.below(10)] ?? 0) + 1
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150)
    expect(random.shuffled([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5])
  })
})
