import { configDefaults, defineConfig } from 'vitest/config'

/** What `npm test` leaves out; scripts/test.mjs asks for it. */
const FULL = '**/*.full.test.ts'
const LONG = '**/*.long.test.ts'
const exclude = [...configDefaults.exclude, FULL, LONG]

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    // They end what hangs; on a machine with much else to do everything takes longer.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    expect: { poll: { timeout: 120_000 } },
    setupFiles: ['./test/support/no-leftovers.ts'],
    reporters: ['minimal', './test/support/summary-reporter.ts'],
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['src/**/*.test.ts', 'bench/**/*.test.ts', 'scripts/**/*.test.mjs'], exclude },
      },
      { extends: true, test: { name: 'program', include: ['test/**/*.test.ts'], exclude } },
      { extends: true, test: { name: 'full', include: [FULL] } },
      { extends: true, test: { name: 'long', include: [LONG] } },
    ],
  },
})
