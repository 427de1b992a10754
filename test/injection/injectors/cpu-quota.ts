import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Harm } from './injector.ts'

const PERIOD_US = 100_000
/** Of each period, over all cores: a fifth of one. */
const QUOTA_US = 20_000

/** A cgroup of its own whose CPU time is limited now and then; version 2 where that has the cpu controller, else version 1. */
export const cpuQuota: Harm = {
  name: 'cgroup quota',
  cause: 'throttled',
  engine: 'llamacpp',
  leastMs: 400,
  pauseMs: 1000,
  tailMs: PERIOD_US / 1000,
  async prepare({ pid, url }) {
    const { root, limit } = cpuController()
    const folder = join(root, `layerline-injection-${process.pid}`)
    mkdirSync(folder)
    limit(folder, null)
    writeFileSync(join(folder, 'cgroup.procs'), String(pid))
    return {
      url,
      begin: () => limit(folder, QUOTA_US),
      end: () => limit(folder, null),
      async close() {
        writeFileSync(join(root, 'cgroup.procs'), String(pid))
        await sleep(100)
        rmdirSync(folder)
      },
    }
  },
}

function cpuController(): { root: string; limit: (folder: string, us: number | null) => void } {
  const unified = '/sys/fs/cgroup'
  if (existsSync(join(unified, 'cgroup.controllers'))) {
    if (!readFileSync(join(unified, 'cgroup.subtree_control'), 'utf8').split(/\s+/).includes('cpu')) {
      writeFileSync(join(unified, 'cgroup.subtree_control'), '+cpu')
    }
    return {
      root: unified,
      limit: (folder, us) => writeFileSync(join(folder, 'cpu.max'), `${us ?? 'max'} ${PERIOD_US}`),
    }
  }
  const root = ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct'].find(
    (path) => existsSync(join(path, 'cpu.cfs_quota_us')) || existsSync(join(path, 'cgroup.procs')),
  )
  if (root === undefined) throw new Error('no cgroup controller for CPU time is mounted')
  return { root, limit: (folder, us) => writeFileSync(join(folder, 'cpu.cfs_quota_us'), String(us ?? -1)) }
}
