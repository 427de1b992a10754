import { describe, expect, it } from 'vitest'
import { guessTimeUnit } from './time-unit.ts'

describe('the unit of times that no format fixes', () => {
  it.each([
    ['a date', ['2024-05-12 00:00:00', '2024-05-12 00:00:01'], 'iso'],
    ['seconds since 1970', ['1700158623', '1700158624'], 's'],
    ['ms since 1970', ['1700158623979', '1700158624000'], 'ms'],
    ['us since 1970', ['1700158623979960'], 'us'],
    ['ns since 1970', ['1700158623979960000'], 'ns'],
    ['fractions', ['0', '0.25', '1.5'], 's'],
    ['whole numbers a few apart', ['5', '45', '118', '119'], 's'],
    ['whole numbers hundreds apart', ['0', '0', '2999', '6000', '9000'], 'ms'],
    ['one number', ['0'], 's'],
  ])('%s', (_, texts, unit) => {
    expect(guessTimeUnit(texts)?.unit).toBe(unit)
  })

  it('is not guessed of nothing', () => {
    expect(guessTimeUnit([])).toBeNull()
  })
})
