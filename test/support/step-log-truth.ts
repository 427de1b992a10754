import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readStepLine } from '../../src/sources/engine/step-log/step-lines.ts'
import { StepState, tokensUnlisted } from '../../src/sources/engine/step-log/step-state.ts'
import { requestIdReader } from '../../src/sources/requests/header-run-id.ts'

/** A step of an engine that gave out tokens, Unix ns. */
export interface EmittingStep {
  readonly fromNs: number
  readonly toNs: number
  readonly tokens: number
}

/** What the log of the one engine core in a folder says of a run's requests: the steps that gave out tokens of each, in order. */
export function emittingSteps(folder: string, runId: string): Map<number, EmittingStep[]> {
  const [file, ...others] = readdirSync(folder)
  if (file === undefined || others.length > 0) throw new Error(`${folder}: expected one log`)
  const idOf = requestIdReader(runId)
  const requests = new Map<number, number | null>()
  const open = new Map<number, { fromNs: number; numbers: number[] }>()
  const found = new Map<number, EmittingStep[]>()
  let [state, unlisted, baseNs]: [StepState | null, number, number] = [null, 0, 0]
  for (const text of readFileSync(join(folder, file), 'latin1').split('\n').slice(0, -1)) {
    const read = readStepLine(text)
    if (read.kind === 'head') {
      state = new StepState(read.head)
      unlisted = tokensUnlisted(read.head)
      baseNs = Number(read.head.unix_ns)
    } else if (read.kind === 'scheduled') {
      for (const [number, id] of read.line.new) requests.set(number, idOf(id))
      const numbers = state?.next(read.line)?.map(([number]) => number)
      if (numbers !== undefined) open.set(read.line.n, { fromNs: baseNs + read.line.a, numbers })
    } else if (read.kind === 'ended') {
      const step = open.get(read.line.e)
      const out = new Map(read.line.o)
      for (const number of step?.numbers ?? []) {
        const request = requests.get(number) ?? null
        const tokens = out.get(number) ?? unlisted
        if (step === undefined || request === null || tokens === 0) continue
        const steps = found.get(request) ?? []
        found.set(request, steps)
        steps.push({ fromNs: step.fromNs, toNs: baseNs + read.line.a, tokens })
      }
    }
  }
  return found
}
