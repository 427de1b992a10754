import { spawnSync } from 'node:child_process'

/** What Prometheus's own checker says of a page. */
export function checkMetrics(page: string): { problems: string; status: number | null } {
  const { stdout, stderr, status, error } = spawnSync('promtool', ['check', 'metrics'], {
    input: page,
    encoding: 'utf8',
  })
  if (error !== undefined) throw new Error(`promtool: ${error.message}; sudo scripts/setup-system installs it`)
  return { problems: stdout + stderr, status }
}
