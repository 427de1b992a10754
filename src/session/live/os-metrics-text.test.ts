import { expect, it } from 'vitest'
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
