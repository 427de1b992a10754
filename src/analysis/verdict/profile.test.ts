import { expect, it } from 'vitest'
import { fine } from '../../../test/support/fine-run.ts'
import type { ProfileFit } from '../steps/profile-fit.ts'
import { judge } from './judge.ts'

const FIT: ProfileFit = { steps: 40, tied: 40, ahead_at_most_ms: 1, behind_at_most_ms: 2, early_tokens: 0 }

function line(what: string, profile: Partial<ProfileFit>, profiled = 0) {
  const steps = {
    ...{ kinds: [], queue_ms: null, prefill_ms: null, delivery_ms: null, preemptions: 0, events: 0, linked: 0 },
    profile: { ...FIT, ...profile },
  }
  return judge({ ...fine, steps, offered: { ...fine.offered, profiled } }).verdict.find((each) => each.what === what)
}

it('speaks of the profile’s clock where a step of it fits no step of the log, or a token came too early', () => {
  expect(line('profile', {})).toBeUndefined()
  expect(line('profile', { tied: 37 })).toMatchObject({
    level: 'warn',
    text: expect.stringMatching(/^3 of 40 profiled steps/),
  })
  expect(line('profile', { early_tokens: 2 })?.text).toContain('2 tokens came before')
})

it('says how many requests a profiler slowed, and warns where it was all', () => {
  expect(line('profiled', {})).toBeUndefined()
  expect(line('profiled', {}, 3)).toMatchObject({ level: 'note', text: expect.stringContaining('3 requests of') })
  expect(line('profiled', {}, fine.offered.requests)).toMatchObject({
    level: 'warn',
    text: expect.stringContaining('--profile-window'),
  })
})
