import type { BookCheck } from '../../trace/run-json.ts'
import type { Hardware } from '../hardware/hardware.ts'
import { compared, unchecked } from './book.ts'

/** Sums of doubles. */
const ROUNDING = 1e-9

/** The energy of the stages, and that of the whole span, of GPUs and of hosts. */
export function energyBooks({ energy }: Hardware): BookCheck[] {
  const of = { left: 'energy of the stages', right: 'energy of the span', unit: 'J' }
  if (energy.length === 0) return [unchecked({ check: 'energy', ...of }, 'no power or energy was recorded (--gpu)')]
  return energy.map(({ scope, stages, whole_j }) => {
    const left_value = Object.values(stages).reduce((sum, { energy_j }) => sum + energy_j.value, 0)
    return compared({
      check: `energy_${scope}`,
      ...of,
      left_value,
      right_value: whole_j.value,
      bound: Math.abs(whole_j.value) * ROUNDING,
    })
  })
}
