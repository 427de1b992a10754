import { cpus, hostname, release, totalmem, type } from 'node:os'
import type { HostProvenance } from '../../trace/run-json.ts'
import { cgroupLimits, readOrNull } from './proc/cgroup.ts'

/** What this machine is, for run.json: what it does not tell is null. The GPU part knows the driver. */
export function hostProvenance(): HostProvenance {
  const processors = cpus()
  return {
    name: hostname(),
    kernel: `${type()} ${release()}`,
    cpu: processors[0]?.model.trim() || null,
    cores: processors.length,
    memory_bytes: totalmem(),
    governor: readOrNull('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor')?.trim() || null,
    cgroup: cgroupLimits(),
    driver: null,
  }
}
