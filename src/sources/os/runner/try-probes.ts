import { LayerlineError } from '../../../base/errors.ts'
import { composeScript, type FoundLibrary } from '../script/compose.ts'
import type { ProbeFile } from '../script/probe-file.ts'
import { hasTracefs, noTracefs } from './bpftrace-errors.ts'
import { type BpftraceOptions, BpftraceProcess } from './bpftrace-process.ts'

export interface Trial {
  readonly file: ProbeFile
  /** Why it does not work here; null where it does. */
  readonly problem: LayerlineError | null
}

/** Attaches a file's probes, to no process, and detaches them again. */
export async function tryProbes(
  file: ProbeFile,
  options: Pick<BpftraceOptions, 'signal' | 'onGroup'> & { libraries?: readonly FoundLibrary[] } = {},
): Promise<Trial> {
  const { libraries = [], signal, onGroup } = options
  const own = file.libraries.map(({ name }) => name)
  if (own.length > 0 && !libraries.some(({ name }) => own.includes(name))) {
    const problem = new LayerlineError('missing/library', `needs ${own.join(' or ')} of the target`, {
      hint: 'it is looked for when the target is known',
    })
    return { file, problem }
  }
  if (/^tracepoint:/m.test(file.body) && !hasTracefs()) return { file, problem: noTracefs() }
  const script = composeScript([file], {
    target: { kind: 'processes', pids: [] },
    reader: 0,
    tickMs: 10,
    eventsPerSecond: 1,
    libraries,
  })
  const bpftrace = new BpftraceProcess({ script, mapKeys: 64, onMessage: () => undefined, signal, onGroup })
  try {
    await bpftrace.ready
    return { file, problem: null }
  } catch (error) {
    if (error instanceof LayerlineError) return { file, problem: error }
    throw error
  } finally {
    await bpftrace.stop()
  }
}
