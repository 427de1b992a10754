import { readOrNull } from '../../host/proc/cgroup.ts'
import { parseProcessStat, parseSchedstat } from '../../host/proc/proc-text.ts'
import { threadsOf } from '../rows/processes.ts'
import type { ProcTracks } from './proc-tracks.ts'

/** Past this many threads they are looked at, at every tenth tick only: that is most of what a look costs. */
const MANY_THREADS = 48
const LESS_OFTEN = 10

/**
 * Without probes: what threads do, by their files of /proc. A thread that begins and ends between two looks is not seen, a
 * wait has no length of its own.
 */
export class ThreadTimes {
  private readonly tracks: ProcTracks
  private readonly seen = new Map<number, number>()
  private ticks = 0

  constructor(tracks: ProcTracks) {
    this.tracks = tracks
  }

  sample(tNs: number, pids: readonly { readonly pid: number; readonly isNew: boolean }[]): void {
    const threads = pids.flatMap(({ pid, isNew }) => threadsOf(pid).map((tid) => ({ pid, tid, isNew })))
    if (threads.length > MANY_THREADS && this.ticks++ % LESS_OFTEN !== 0) return
    for (const { pid, tid, isNew } of threads) this.thread(tNs, pid, tid, isNew || this.seen.size > 0)
    for (const { pid } of pids) this.process(tNs, pid)
  }

  private thread(tNs: number, pid: number, tid: number, isNewIfUnseen: boolean): void {
    const file = (name: string): string => `task/${tid}/${name}`
    const lastNs = this.seen.get(tid)
    const isNew = lastNs === undefined && isNewIfUnseen
    const total = (name: string, unit: string, field: string, value: number): number =>
      this.tracks.total(tNs, { pid, tid, name, unit, field: file(field) }, value, isNew)
    const times = parseSchedstat(readOrNull(`/proc/${pid}/${file('schedstat')}`) ?? '')
    const stat = parseProcessStat(readOrNull(`/proc/${pid}/${file('stat')}`) ?? '')
    if (stat === null) return
    this.seen.set(tid, tNs)
    if (times !== null) {
      const ranNs = total('on_cpu_ns', 'ns', 'schedstat 1', times.runNs)
      const waitedNs = total('run_queue_wait_ns', 'ns', 'schedstat 2', times.waitNs)
      // What is left of the time was neither: the thread slept.
      const slept = lastNs === undefined ? 0 : Math.max(0, tNs - lastNs - ranNs - waitedNs)
      this.slept.set(tid, (this.slept.get(tid) ?? 0) + slept)
      total('blocked_ns', 'ns', 'schedstat, what is left of the time', this.slept.get(tid) ?? 0)
    }
    total('minor_faults', '1', 'stat minflt', stat.minorFaults)
    total('major_faults', '1', 'stat majflt', stat.majorFaults)
    const status = readOrNull(`/proc/${pid}/${file('status')}`) ?? ''
    const [asked, taken] = ['voluntary', 'nonvoluntary'].map((which) => {
      const count = new RegExp(`^${which}_ctxt_switches:\\s*(\\d+)$`, 'm').exec(status)?.[1]
      return count === undefined ? null : Number(count)
    })
    if (asked === null || asked === undefined || taken === null || taken === undefined) return
    total('context_switches', '1', 'status *_ctxt_switches', asked + taken)
    total('preemptions', '1', 'status nonvoluntary_ctxt_switches', taken)
  }

  private readonly slept = new Map<number, number>()

  private process(tNs: number, pid: number): void {
    const io = readOrNull(`/proc/${pid}/io`) ?? ''
    const count = (name: string): number | null => {
      const value = new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)?.[1]
      return value === undefined ? null : Number(value)
    }
    const bytes = count('rchar')
    const calls = count('syscr')
    if (bytes !== null) this.tracks.total(tNs, { pid, name: 'read_bytes', unit: 'bytes', field: 'io rchar' }, bytes)
    if (calls !== null) this.tracks.total(tNs, { pid, name: 'read_calls', unit: '1', field: 'io syscr' }, calls)
  }
}
