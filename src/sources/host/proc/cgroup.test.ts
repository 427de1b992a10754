import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { cgroupLimits, cgroupPlace, parseCpuLimit, parseMemoryLimit, parseThrottledNs } from './cgroup.ts'

const V2 = '26 22 0:22 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
const V1 = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`

describe('the place of a cgroup', () => {
  it('in version 2, with the folders around it', () => {
    expect(cgroupPlace('0::/user.slice/app.scope\n', V2, 'cpu')).toEqual({
      version: 2,
      folders: ['/sys/fs/cgroup/user.slice/app.scope', '/sys/fs/cgroup/user.slice', '/sys/fs/cgroup'],
    })
    expect(cgroupPlace('0::/\n', V2, 'cpu')?.folders).toEqual(['/sys/fs/cgroup'])
  })

  it('in version 1, also beside version 2', () => {
    const cgroup = '8:cpu,cpuacct:/a:b\n4:memory:/m\n1:name=systemd:/s\n0::/u\n'
    expect(cgroupPlace(cgroup, V1, 'cpu')).toEqual({
      version: 1,
      folders: ['/sys/fs/cgroup/cpu,cpuacct/a:b', '/sys/fs/cgroup/cpu,cpuacct'],
    })
    expect(cgroupPlace(cgroup, V1, 'memory')?.folders[0]).toBe('/sys/fs/cgroup/memory/m')
  })

  it('in a container whose mount shows a subtree, or whose path is the host’s', () => {
    const mount = '26 22 0:22 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n'
    expect(cgroupPlace('0::/docker/abc/x\n', mount, 'cpu')?.folders).toEqual(['/sys/fs/cgroup/x', '/sys/fs/cgroup'])
    expect(cgroupPlace('0::/../other\n', V2, 'cpu')?.folders.at(-1)).toBe('/sys/fs/cgroup')
  })

  it('with blanks in the path of its mount, or with none', () => {
    expect(cgroupPlace('0::/\n', '26 22 0:22 / /my\\040cgroups rw - cgroup2 cgroup2 rw\n', 'cpu')?.folders).toEqual([
      '/my cgroups',
    ])
    expect(cgroupPlace('0::/\n', '', 'cpu')).toBeNull()
    expect(cgroupPlace('', V2, 'cpu')).toBeNull()
  })
})

it('reads throttling of both versions', () => {
  expect(parseThrottledNs('usage_usec 5\nnr_periods 3\nnr_throttled 2\nthrottled_usec 1500\n')).toBe(1_500_000)
  expect(parseThrottledNs('nr_periods 3\nnr_throttled 2\nthrottled_time 1500\n')).toBe(1500)
  expect(parseThrottledNs('usage_usec 5\n')).toBeNull()
})

it('reads limits of both versions', () => {
  const from = (files: Record<string, string>) => (file: string) => files[file] ?? null
  expect(parseCpuLimit(2, from({ 'cpu.max': '150000 100000\n' }))).toBe(1.5)
  expect(parseCpuLimit(2, from({ 'cpu.max': 'max 100000\n' }))).toBeNull()
  expect(parseCpuLimit(2, from({}))).toBeNull()
  expect(parseCpuLimit(1, from({ 'cpu.cfs_quota_us': '200000\n', 'cpu.cfs_period_us': '100000\n' }))).toBe(2)
  expect(parseCpuLimit(1, from({ 'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_period_us': '100000\n' }))).toBeNull()
  expect(parseMemoryLimit(2, from({ 'memory.max': '1073741824\n' }))).toBe(2 ** 30)
  expect(parseMemoryLimit(2, from({ 'memory.max': 'max\n' }))).toBeNull()
  expect(parseMemoryLimit(1, from({ 'memory.limit_in_bytes': '9223372036854771712\n' }))).toBeNull()
})

describe('the limits of a process', () => {
  const root = mkdtempSync(join(tmpdir(), 'layerline-cgroup-'))
  afterAll(() => rmSync(root, { recursive: true }))

  it('are the least along its cgroup and those around it', () => {
    const write = (path: string, text: string): void => {
      mkdirSync(join(root, path, '..'), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    write('proc/self/cgroup', '0::/a/b\n')
    write('proc/self/mountinfo', `26 22 0:22 / ${root}/cg rw - cgroup2 cgroup2 rw\n`)
    write('cg/a/cpu.max', '100000 100000\n')
    write('cg/a/b/cpu.max', '300000 100000\n')
    write('cg/a/memory.max', 'max\n')
    write('cg/a/b/memory.max', '4096\n')
    expect(cgroupLimits('self', join(root, 'proc'))).toEqual({ cpu_cores: 1, memory_bytes: 4096 })
    expect(cgroupLimits(99, join(root, 'proc'))).toEqual({ cpu_cores: null, memory_bytes: null })
  })
})
