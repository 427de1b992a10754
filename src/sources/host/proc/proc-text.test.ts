import { describe, expect, it } from 'vitest'
import {
  parseCpuTicks,
  parseKilobytes,
  parseNamedNumber,
  parseNetDev,
  parseProcessStat,
  parseSchedstat,
} from './proc-text.ts'

describe('/proc/stat', () => {
  it('takes guest time as part of user time, and I/O wait as idle', () => {
    const parsed = parseCpuTicks('cpu  10 20 30 400 50 6 7 8 9 9\ncpu0 1 2 3 40 5 0 0 0 0 0\nintr 1 2\nctxt 5\n')
    expect(parsed?.all).toEqual({ busy: 73, steal: 8, total: 531 })
    expect([...(parsed?.cpus ?? [])]).toEqual([['cpu0', { busy: 6, steal: 0, total: 51 }]])
  })

  it('reads kernels without the later fields', () => {
    expect(parseCpuTicks('cpu 1 2 3 4\n')?.all).toEqual({ busy: 6, steal: 0, total: 10 })
    expect(parseCpuTicks('')).toBeNull()
  })
})

describe('/proc/PID/stat', () => {
  const rest =
    'S 41 42 42 0 -1 4194304 101 102 103 104 105 106 107 108 20 0 11 0 174921 3133440 379 18446744073709551615 1 1 0 0'

  it.each(['cat', 'tmux: server', '(sd-pam)', 'a) R 1 2 (b', 'x\ny', ''])('with the name %j', (name) => {
    expect(parseProcessStat(`8248 (${name}) ${rest}\n`)).toEqual({
      comm: name,
      state: 'S',
      parent: 41,
      minorFaults: 101,
      majorFaults: 103,
      cpuTicks: 105 + 106,
      threads: 11,
      startTicks: 174921,
      rssPages: 379,
    })
  })

  it.each(['', '8248', '8248 (cat) S 1', ')('])('that is cut: %j', (text) => {
    expect(parseProcessStat(text)).toBeNull()
  })
})

it('reads schedstat where it is kept', () => {
  expect(parseSchedstat('282852093 201789847 990\n')).toEqual({ runNs: 282852093, waitNs: 201789847, switches: 990 })
  expect(parseSchedstat('0 0 7\n')).toBeNull()
  expect(parseSchedstat('')).toBeNull()
})

it('reads named values', () => {
  const meminfo = 'MemTotal:       24684092 kB\nMemFree:        23971312 kB\nHugePages_Total:       0\n'
  expect(parseKilobytes(meminfo, 'MemTotal')).toBe(24684092 * 1024)
  expect(parseKilobytes(meminfo, 'Mem')).toBeNull()
  expect(parseKilobytes(meminfo, 'HugePages_Total')).toBeNull()
  expect(parseNamedNumber('pswpin 12\npswpout 3\n', 'pswpout')).toBe(3)
  expect(parseNamedNumber('pswpin 12\n', 'swpin')).toBeNull()
})

it('reads interfaces, with and without a blank after the colon', () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    8109      85    0    0    0     0          0         0     8109      85    0    0    0     0       0          0
eth0:916495791   24586    0    0    0     0          0         0  1906704   15307    0    0    0     0       0          0
`
  expect([...parseNetDev(text)]).toEqual([
    ['lo', { rxBytes: 8109, txBytes: 8109 }],
    ['eth0', { rxBytes: 916495791, txBytes: 1906704 }],
  ])
})
