import { badSpec, splitSpec } from '../distributions/spec-text.ts'
import type { ArrivalProcess } from './arrival-process.ts'
import { burst } from './burst.ts'
import { constant } from './constant.ts'
import { gamma } from './gamma.ts'
import { pareto } from './pareto.ts'
import { poisson } from './poisson.ts'
import type { ProcessKind } from './process-kind.ts'
import { ramp } from './ramp.ts'
import { sinusoid } from './sinusoid.ts'
import { step } from './step.ts'
import { uniform } from './uniform.ts'

/** What `--arrival` can name; a new one is a file and a line here. */
export const ARRIVAL_PROCESSES = {
  constant,
  poisson,
  gamma,
  uniform,
  pareto,
  burst,
  sinusoid,
  step,
  ramp,
} as const satisfies Record<string, ProcessKind>

/** Reads `gamma:2`, `burst:size=10,interval=5s` and the like. Throws `usage/spec` and `usage/rate`. */
export function parseArrivalProcess(text: string, rate: number | null): ArrivalProcess {
  const { name, rest } = splitSpec(text)
  const kind = Object.hasOwn(ARRIVAL_PROCESSES, name)
    ? ARRIVAL_PROCESSES[name as keyof typeof ARRIVAL_PROCESSES]
    : undefined
  if (kind === undefined) {
    throw badSpec(
      { option: '--arrival', text },
      `no such process; there is ${Object.keys(ARRIVAL_PROCESSES).join(', ')}`,
    )
  }
  return kind.read({ option: '--arrival', text, syntax: kind.syntax }, rest, rate)
}
