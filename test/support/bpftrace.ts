import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { missingProgram, needs } from './needs.ts'

/** Tests that follow need bpftrace as root; where that truly cannot be had, they are skipped and say why. */
export function useBpftrace(): void {
  needs(whatIsMissing())
}

function whatIsMissing(): string | null {
  if (process.getuid?.() !== 0) return 'bpftrace works for root alone: run the tests as root'
  const python = missingProgram('python3')
  if (python !== null) return python
  if (spawnSync('bpftrace', ['--version']).status !== 0) return 'bpftrace is not installed: scripts/setup-system'
  if (!existsSync('/sys/kernel/tracing/events')) {
    const mounted = spawnSync('mount', ['-t', 'tracefs', 'nodev', '/sys/kernel/tracing'], { encoding: 'utf8' })
    if (mounted.status !== 0)
      return `tracefs cannot be mounted: ${mounted.stderr.trim()}: run the tests on a machine of your own, not in a container`
  }
  const tried = spawnSync('bpftrace', ['-e', 'interval:ms:1 { exit(); }'], { encoding: 'utf8' })
  return tried.status === 0
    ? null
    : `bpftrace does not work here: ${tried.stderr.trim()}: run the tests on a machine whose kernel allows it`
}

/** The real interpreter, not a shim that starts others. */
export function pythonPath(): string {
  return spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).stdout.trim()
}
