import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { oomKills, oomSince } from './oom-kills.ts'
import { judgeWorker } from './worker-outcome.ts'
import type { WorkerEnd } from './worker-process.ts'

const LIMITS = { timeoutS: 900, inactivityS: 300, device: 'cuda' }
const KILLED: WorkerEnd = {
  code: null,
  signal: 'SIGKILL',
  by: 'itself',
  stdout: '',
  tail: 'loading\n',
  seconds: 1,
  oom: null,
  strays: 0,
}

test('a kill is for memory only where the kernel counted one', () => {
  const kind = (end: Partial<WorkerEnd>) => {
    const outcome = judgeWorker({ ...KILLED, ...end }, null, LIMITS)
    return outcome.ok ? 'ok' : outcome.kind
  }
  expect(kind({})).toBe('crash')
  expect(kind({ oom: 'cgroup' })).toBe('killed_out_of_memory_cgroup')
  expect(kind({ oom: 'host' })).toBe('killed_out_of_memory_host')
  // Another process died for memory while this one crashed by itself.
  expect(kind({ oom: 'host', signal: 'SIGSEGV' })).toBe('crash')
  // Layerline's own SIGKILL, of a worker that did not end.
  expect(kind({ oom: 'host', by: 'timeout' })).toBe('timeout')
  expect(kind({ signal: null, code: 139 })).toBe('crash')
})

test("memory is a device's only where the model runs on one", () => {
  const end: WorkerEnd = {
    ...KILLED,
    signal: null,
    code: 9,
    tail: 'Free memory is less than desired GPU memory utilization',
  }
  expect(judgeWorker(end, null, LIMITS)).toMatchObject({ kind: 'out_of_memory_device' })
  expect(judgeWorker(end, null, { ...LIMITS, device: 'cpu' })).toMatchObject({ kind: 'out_of_memory_host' })
})

test('an engine in processes of its own says more than its parent, which only points there', () => {
  const log = `(EngineCore pid=2) ERROR 11-30 10:11:39 [core.py:1510] AssertionError: Not enough allowed NUMA nodes
RuntimeError: Engine core initialization failed. See root cause above.
`
  const said = 'Engine core initialization failed. See root cause above.'
  const facts = { framework: 'vllm', device: 'cpu', mode: 'eval', timestamp: '2026-01-01T00:00:00Z' }
  const status = { tracer: 'a', ...facts, success: false, error: { kind: 'RuntimeError', message: said } }
  expect(judgeWorker({ ...KILLED, signal: null, code: 1, tail: log }, status, LIMITS)).toEqual({
    ...{ ok: false, kind: 'exception', message: 'AssertionError: Not enough allowed NUMA nodes' },
  })
})

test.for([2, 1] as const)('kills are counted in the cgroup and on the host, version %i', (version) => {
  const proc = mkdtempSync(join(tmpdir(), 'layerline-proc-'))
  onTestFinished(() => rmSync(proc, { recursive: true, force: true }))
  const group = join(proc, 'fs', 'job')
  mkdirSync(group, { recursive: true })
  mkdirSync(join(proc, 'self'))
  const type = version === 2 ? 'cgroup2 cgroup2 rw' : 'cgroup cgroup rw,memory'
  writeFileSync(join(proc, 'self/cgroup'), version === 2 ? '0::/job\n' : '3:memory:/job\n')
  writeFileSync(join(proc, 'self/mountinfo'), `30 20 0:26 / ${join(proc, 'fs')} rw - ${type}\n`)
  const count = (inGroup: number, onHost: number) => {
    if (version === 2) writeFileSync(join(group, 'memory.events'), `low 0\noom 9\noom_kill ${inGroup}\n`)
    else writeFileSync(join(group, 'memory.oom_control'), `under_oom 0\noom_kill ${inGroup}\n`)
    writeFileSync(join(proc, 'vmstat'), `nr_free_pages 5\noom_kill ${onHost}\n`)
    return oomKills(proc)
  }
  const before = count(3, 10)
  expect(before).toEqual({ cgroup: 3, host: 10 })
  expect(oomSince(before, count(3, 10))).toBeNull()
  expect(oomSince(before, count(4, 11))).toBe('cgroup')
  expect(oomSince(before, count(3, 11))).toBe('host')
  expect(oomSince({ cgroup: null, host: null }, before)).toBeNull()
})
