import { failureReason } from '../../../engines/vllm/log-reading.ts'
import type { TraceStatus } from '../trace-status.ts'
import type { WorkerEnd } from './worker-process.ts'

export const FAILURES = [
  'exception',
  'usage',
  'missing_dependency',
  'unsupported',
  'out_of_memory_device',
  'out_of_memory_host',
  'killed_out_of_memory_cgroup',
  'killed_out_of_memory_host',
  'timeout',
  'hang',
  'crash',
  'no_output',
  'no_start',
  'interrupted',
] as const
export type FailureKind = (typeof FAILURES)[number]

export type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly kind: FailureKind; readonly message: string }

/** Exit codes of a worker, as agreed. */
const EXIT = { exception: 1, usage: 2, missingDependency: 4, unsupported: 5, outOfMemory: 9 } as const

/** The meaning of a worker's end. An exit code of 0 is believed only with a marker of success. */
export function judgeWorker(
  end: WorkerEnd,
  status: TraceStatus | null,
  limits: { timeoutS: number; inactivityS: number; device: string },
): Outcome {
  const failed = (kind: FailureKind, message: string): Outcome => ({ ok: false, kind, message })
  const said = status?.success === false ? status.error?.message : undefined
  // An engine with its own processes ends with a reference to the message of one of them.
  const last =
    said !== undefined && /root cause above/.test(said) ? failureReason(end.tail) : (said ?? lastLine(end.tail))
  if (end.by === 'no_start') return failed('no_start', end.tail)
  if (end.by === 'stop') return failed('interrupted', 'ended by a signal to layerline')
  if (end.by === 'timeout') return failed('timeout', `not done after ${limits.timeoutS} s`)
  if (end.by === 'hang') return failed('hang', `no word and no work for ${limits.inactivityS} s`)
  if (end.signal !== null) {
    if (end.signal === 'SIGKILL' && end.oom !== null) {
      const whose = end.oom === 'cgroup' ? "the cgroup's memory limit" : "the host's memory"
      return failed(`killed_out_of_memory_${end.oom}`, `killed by the kernel: ${whose} was used up`)
    }
    return failed('crash', `ended by ${end.signal}${said === undefined ? '' : `: ${said}`}`)
  }
  switch (end.code) {
    case 0:
      if (status?.success === true) return { ok: true }
      return failed(
        'no_output',
        status === null ? 'exit code 0, and no marker' : 'exit code 0, and a marker of failure',
      )
    case EXIT.usage:
      return failed('usage', last)
    case EXIT.missingDependency:
      return failed('missing_dependency', last)
    case EXIT.unsupported:
      return failed('unsupported', last)
    case EXIT.outOfMemory:
      return failed(isDevice(last, limits.device) ? 'out_of_memory_device' : 'out_of_memory_host', last)
    case EXIT.exception:
      return failed('exception', last)
    default:
      // A shell's way to tell of a signal, and what native code exits with.
      return failed('crash', `exit code ${end.code}: ${last}`)
  }
}

/** If nothing runs on a device, it is the host's memory, whatever a text says of GPUs. */
function isDevice(text: string, device: string): boolean {
  return device !== 'cpu' && /cuda|hip|device|gpu/i.test(text)
}

/** The last line with a message. */
export function lastLine(tail: string): string {
  const lines = tail.split('\n').map((line) => line.trim())
  return (lines.filter((line) => line !== '' && !line.startsWith('{"event"')).at(-1) ?? 'it printed nothing').slice(
    0,
    300,
  )
}
