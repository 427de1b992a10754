import { expect, it } from 'vitest'
import { parseProfileWindow } from './profile-window.ts'

it('reads when a profile begins and how long it lasts', () => {
  expect(parseProfileWindow('2+1')).toEqual({ startS: 2, durationS: 1 })
  expect(parseProfileWindow('2s+500ms')).toEqual({ startS: 2, durationS: 0.5 })
  expect(parseProfileWindow('0.25 + 1.5s')).toEqual({ startS: 0.25, durationS: 1.5 })
})

it.each(['', '2', '2+', '+1', '2+0', '-1+1', '2+1m', '2+1+1', '1e3+1', '0+3601', '99999999+1'])(
  'refuses %j',
  (text) => {
    expect(() => parseProfileWindow(text)).toThrow(expect.objectContaining({ code: 'usage/profile-window' }))
  },
)
