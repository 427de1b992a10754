import type { Reporter, TestModule } from 'vitest/node'

/** What may be absent even in CI. */
const MAY_SKIP_IN_CI = /GPU|shared data/

/**
 * Ends the output with each skipped test and its reason, each test that passed only when it was tried again and why it had failed,
 * and one line of counts. In CI a skip for another reason fails.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts = { passed: 0, failed: errors.length, skipped: 0, again: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      if (tests.length === 0 || module.errors().length > 0) counts.failed++
      for (const test of tests) {
        const result = test.result()
        if (result.state === 'passed') {
          counts.passed++
          if (test.diagnostic()?.flaky === true) {
            counts.again++
            const why = (result.errors ?? []).map(({ message }) => message.split('\n')[0]).join('; ')
            process.stdout.write(`passed only when tried again: ${test.fullName}: ${why}\n`)
          }
        } else if (result.state === 'failed') counts.failed++
        else {
          counts.skipped++
          const reason = (result.state === 'skipped' && result.note) || 'no reason given'
          const wrong = process.env.CI === 'true' && !MAY_SKIP_IN_CI.test(reason)
          process.stdout.write(`skipped: ${test.fullName}: ${reason}${wrong ? ' (not allowed in CI)' : ''}\n`)
          if (wrong) {
            counts.failed++
            process.exitCode = 1
          }
        }
      }
    }
    process.stdout.write(
      `\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped${counts.again > 0 ? `, ${counts.again} of them tried again` : ''}\n`,
    )
  }
}
