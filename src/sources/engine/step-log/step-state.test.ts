import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { readStepLine, type ScheduledLine, type StepLogHead } from './step-lines.ts'
import { StepState, tokensUnlisted } from './step-state.ts'

const PLUGIN = fileURLToPath(new URL('../../../../python/layerline_vllm', import.meta.url))

interface Step {
  rows: Record<string, readonly [number, number]>
  emitted: Record<string, number>
  preempted: string[]
}

function simulated(seed: number, steps: number): { lines: string[]; truth: Step[] } {
  const script = 'tests/print_simulated.py'
  const env = { ...process.env, PYTHONPATH: PLUGIN, PYTHONDONTWRITEBYTECODE: '1' }
  return JSON.parse(
    execFileSync('python3', [script, String(seed), String(steps)], { cwd: PLUGIN, env, encoding: 'utf8' }),
  )
}

/** What the lines say, by our reading of them. */
function told(lines: readonly string[]): Step[] {
  const names = new Map<number, string>()
  const steps = new Map<number, Step>()
  let [state, unlisted]: [StepState | null, number] = [null, Number.NaN]
  for (const text of lines) {
    const read = readStepLine(text)
    if (read.kind === 'head') {
      state = new StepState(read.head)
      unlisted = tokensUnlisted(read.head)
    } else if (read.kind === 'scheduled') {
      const preempted = read.line.p.flatMap((number) => names.get(number) ?? []).sort()
      for (const [number, id] of read.line.new) names.set(number, id)
      const rows = state?.next(read.line)
      if (!rows) continue
      const byName = rows.map(([number, tokens, computed]) => [names.get(number) ?? '', [tokens, computed]] as const)
      steps.set(read.line.n, { rows: Object.fromEntries(byName), emitted: {}, preempted })
    } else if (read.kind === 'ended') {
      const step = steps.get(read.line.e)
      if (step === undefined) continue
      for (const name of Object.keys(step.rows)) step.emitted[name] = unlisted
      for (const [number, tokens] of read.line.o) step.emitted[names.get(number) ?? ''] = tokens
    } else expect(read.kind).toBe('clock')
  }
  return [...steps.values()]
}

it('reads what the plugin writes: each step, what it ran and what came out', () => {
  const { lines, truth } = simulated(5, 600)
  expect(truth.some(({ preempted }) => preempted.length > 0)).toBe(true)
  expect(told(lines)).toEqual(truth)
})

it('knows the steps from the first that stands alone on, where lines are missing', () => {
  const { lines, truth } = simulated(6, 600)
  const [head = '', ...rest] = lines
  const steps = told([head, ...rest.slice(0, 300), ...rest.slice(450)])
  const without = (each: Step) => ({ ...each, preempted: [] })
  // The steps before the gap, and those from the next complete line.
  expect(steps.length).toBeGreaterThan(truth.length - 75 - 100 - 1)
  expect(steps.length).toBeLessThan(truth.length - 70)
  const behind = steps.slice(150)
  expect(behind.map(without)).toEqual(truth.slice(-behind.length).map(without))
})

it('takes each step once, and each line of version 1 as all there is', () => {
  const line = (n: number, more: Partial<ScheduledLine> = {}): ScheduledLine => ({
    ...{ n, a: 0, b: 0, new: [], p: [], f: [], g: [], r: [[1, 1, 5 + n]], ...more },
  })
  const head = { layerline_step_log: 1 } as StepLogHead
  const state = new StepState(head)
  expect(state.next(line(0))).toEqual([[1, 1, 5]])
  expect(state.next(line(0))).toBeNull()
  expect(state.next(line(3, { r: [[2, 1, 9]] }))).toEqual([[2, 1, 9]])
  expect(tokensUnlisted(head)).toBe(0)
})
