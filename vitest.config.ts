import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: ['default', './test/support/summary-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'unit', include: ['src/**/*.test.ts', 'bench/**/*.test.ts'] } },
      // Whole programs in real time, on whatever machine: what fails once is tried again, and the summary names it.
      { extends: true, test: { name: 'program', include: ['test/**/*.test.ts'], retry: 1 } },
    ],
  },
})
