import type { Reporter, TestCase, TestModule, TestSpecification } from 'vitest/node'
import { endLeftovers, processesWith, TEST_MARKER } from './processes.ts'

/** What may be absent even in CI. */
const MAY_SKIP_IN_CI = /GPU|shared data|cgroups of version/
const SLOW_TEST_MS = 10_000
const STILL_RUNNING_MS = 60_000
const SLOWEST_FILES = 15

const seconds = (ms: number) => `${(ms / 1000).toFixed(1).padStart(6)} s`
const say = (line: string) => void process.stdout.write(`${line}\n`)

/**
 * A line for each test file as it ends, `n of m`, with its slow tests by name, and one per minute for a test that is
 * still running. At the end the slowest files, each skipped test with its reason, and one line of counts. A skip
 * without a reason fails; so does, in CI, one for a reason that CI must not have, and a process that is left when all
 * is over.
 */
export default class SummaryReporter implements Reporter {
  #files = 0
  #ended = 0
  readonly #running = new Map<string, { timer: NodeJS.Timeout }>()

  onTestRunStart(files: readonly TestSpecification[]): void {
    this.#files = files.length
    this.#ended = 0
  }

  onTestCaseReady(test: TestCase): void {
    const begun = performance.now()
    const timer = setInterval(() => {
      say(`  still running after ${seconds(performance.now() - begun).trim()}: ${nameOf(test)}`)
    }, STILL_RUNNING_MS).unref()
    this.#running.set(test.id, { timer })
  }

  onTestCaseResult(test: TestCase): void {
    clearInterval(this.#running.get(test.id)?.timer)
    this.#running.delete(test.id)
  }

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()]
    const count = (state: string) => tests.filter((test) => test.result().state === state).length
    const [failed, skipped] = [count('failed'), count('skipped')]
    const more = `${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`
    const which = `${String(++this.#ended).padStart(String(this.#files).length)} of ${this.#files}`
    const state = module.ok() ? ' ' : '!'
    say(`${which} ${state} ${seconds(timeOf(module))}  ${module.relativeModuleId} (${tests.length}${more})`)
    for (const test of tests) {
      const { duration = 0 } = test.diagnostic() ?? {}
      if (duration >= SLOW_TEST_MS) say(`${' '.repeat(which.length)}    ${seconds(duration)}  ${test.fullName}`)
    }
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      if (tests.length === 0 || module.errors().length > 0) counts.failed++
      for (const test of tests) {
        const result = test.result()
        if (result.state === 'passed') counts.passed++
        else if (result.state === 'failed') counts.failed++
        else {
          counts.skipped++
          const wrong = whatIsWrong(test, result.state === 'skipped' ? result.note : undefined)
          if (wrong) fail(counts)
        }
      }
    }
    const left = processesWith((entry) => entry.startsWith(`${TEST_MARKER}=${process.pid} `))
    if (left.length > 0) {
      say(`left behind when all was over (ended now): ${endLeftovers(left)}`)
      fail(counts)
    }
    sayTheSlowest(modules)
    say(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
  }
}

/** Says that it was skipped and why; whether that is no good reason here. */
function whatIsWrong(test: TestCase, reason: string | undefined): boolean {
  // A name given with -t excludes the others: they do not count as skipped.
  if (reason === undefined && test.project.config.testNamePattern !== undefined) return false
  const notInCi = process.env.CI === 'true' && !MAY_SKIP_IN_CI.test(reason ?? '')
  const wrong = reason === undefined ? ' (each skip gives one)' : notInCi ? ' (not allowed in CI)' : ''
  say(`skipped: ${nameOf(test)}: ${reason ?? 'no reason given'}${wrong}`)
  return wrong !== ''
}

function fail(counts: { failed: number }): void {
  counts.failed++
  process.exitCode = 1
}

function sayTheSlowest(modules: readonly TestModule[]): void {
  const slowest = modules.toSorted((a, b) => timeOf(b) - timeOf(a)).slice(0, SLOWEST_FILES)
  if (modules.length <= 1) return
  say(`\nslowest files, of ${modules.length}:`)
  for (const module of slowest) say(`${seconds(timeOf(module))}  ${module.relativeModuleId}`)
}

/** With what it prepares and cleans up. */
function timeOf(module: TestModule): number {
  const { collectDuration, duration } = module.diagnostic()
  return collectDuration + duration
}

const nameOf = (test: TestCase) => `${test.module.relativeModuleId} > ${test.fullName}`
