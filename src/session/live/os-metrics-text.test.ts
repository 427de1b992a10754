import { describe, expect, it } from 'vitest'
import { missingProgram, needs } from '../../../test/support/needs.ts'
import { checkMetrics } from '../../../test/support/promtool.ts'
import { PROBE_ALIASES, PROBE_SETS, probeSet } from '../../sources/os/probe-sets.ts'
import { osMetricsText } from './os-metrics-text.ts'

const totals = [{ name: 'minor_faults', unit: '1', process: '7 python3', value: 12 }]
const counts = [{ name: 'mmap_calls', pid: 7, comm: 'a "b"', value: 4 }]

it('has what was counted, by name and process', () => {
  const text = osMetricsText({ probed: true, counts: () => counts, totals: () => totals })
  expect(text).toMatch(/^llm_mmap_calls_total 4$/m)
  expect(text).toMatch(/^llm_mlock_calls_total 0$/m)
  expect(text).toMatch(/^llm_syscall_by_process\{syscall="mmap",comm="a \\"b\\""\} 4$/m)
  expect(text).toMatch(/^layerline_os_minor_faults_total\{process="7 python3"\} 12$/m)
})

it('from /proc alone says nothing of calls: none was seen, which is not none', () => {
  const text = osMetricsText({ probed: false, counts: () => [], totals: () => totals })
  expect(text).not.toContain('llm_')
  expect(text).toMatch(/^layerline_os_minor_faults_total\{process="7 python3"\} 12$/m)
})

it('times are in seconds', () => {
  const total = { name: 'on_cpu_ns', unit: 'ns', process: '7 python3', value: 2_500_000_000 }
  const text = osMetricsText({ probed: true, counts: () => counts, totals: () => [total] })
  expect(text).toMatch(/^layerline_os_on_cpu_seconds_total\{process="7 python3"\} 2.5$/m)
})

describe('the text', () => {
  needs(missingProgram('promtool'))

  it("of every probe is clean for Prometheus's own checker", () => {
    const maps = [...PROBE_SETS, ...PROBE_ALIASES].flatMap((name) => probeSet(name).files.flatMap((file) => file.maps))
    const all = maps
      .filter(({ kind }) => kind === 'total')
      .map(({ name, unit }) => ({ name, unit, process: '7 python3', value: 1 }))
    const { problems } = checkMetrics(osMetricsText({ probed: true, counts: () => counts, totals: () => all }))
    // The name is older than the rule.
    expect(problems.trim()).toBe('llm_syscall_by_process counter metrics should have "_total" suffix')
  })
})
