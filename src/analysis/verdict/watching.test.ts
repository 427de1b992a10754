import { expect, it } from 'vitest'
import { fine } from '../../../test/support/fine-run.ts'
import type { CertifiedEffect } from '../certify/certificate.ts'
import { judge } from './judge.ts'

function line(itl_ms: CertifiedEffect) {
  const none = { pairs: 0, too_few: 6 }
  const layer = { layer: 'os', off: 'detached', block_s: 8, itl_ms, ttft_ms: none, output_tokens_per_s: none } as const
  return judge({ ...fine, certificate: { layers: [layer] } }).verdict.find(({ what }) => what === 'watching')
}

it('says which layer slowed the tokens, and nothing where that is not decided', () => {
  const slower = { pairs: 20, off: 20, effect: 0.8, low: 0.6, high: 1, decided: true }
  expect(line(slower)).toMatchObject({
    level: 'warn',
    text: 'Watching slowed the tokens: the gap between two is 4.0 % longer with the layer os (3.0 % to 5.0 %)',
  })
  expect(line({ ...slower, effect: 0.2, low: 0.1, high: 0.3 })).toMatchObject({ level: 'note' })
  expect(line({ ...slower, low: -0.1, decided: false })).toBeUndefined()
  expect(line({ ...slower, effect: -0.8, low: -1, high: -0.6 })).toBeUndefined()
  expect(line({ pairs: 3, too_few: 6 })).toBeUndefined()
})

it('GPU samples that were left out on purpose are no fault of the run', () => {
  const none = { pairs: 0, too_few: 6 }
  const hardware = { ...fine.hardware, gpu_covered_share: 0.5 }
  const layer = { off: 'paused', block_s: 2, itl_ms: none, ttft_ms: none, output_tokens_per_s: none } as const
  const level = (layers: string[]) =>
    judge({
      ...fine,
      hardware,
      certificate: { layers: layers.map((name) => ({ ...layer, layer: name })) },
    }).verdict.find(({ what }) => what === 'gpu_samples')?.level
  expect(level(['host', 'gpu'])).toBe('note')
  expect(level(['host'])).toBe('bad')
})
