import { interruption } from '../../base/interruption.ts'
import { tryProbes } from '../../sources/os/runner/try-probes.ts'
import { readProbeFile } from '../../sources/os/script/probe-file.ts'

/** Whether the kernel's view works here, with probes or from /proc alone, and what it lacks. */
export async function osFinding(): Promise<{ layer: 'os'; state: 'works' | 'off'; what: string; how: string | null }> {
  if (process.platform !== 'linux') {
    return { layer: 'os', state: 'off', what: `the kernel's view needs Linux, not ${process.platform}`, how: null }
  }
  const { problem } = await tryProbes(readProbeFile('follow'), { signal: interruption.signal })
  if (problem === null) {
    const how = 'layerline os list tries each set of probes; layerline os run -- COMMAND'
    return { layer: 'os', state: 'works', what: 'probes in the kernel, by bpftrace', how }
  }
  return { layer: 'os', state: 'works', what: `from /proc alone: ${problem.message}`, how: problem.hint ?? null }
}
