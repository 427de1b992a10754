import { BATCH_ROWS, type FlowColumns, newFlowColumns } from './event-columns.ts'

/** Categories of torch_npu's flows to an Ascend device: from CANN's call, and from the operator. */
const CATEGORIES = ['HostToDevice', 'async_npu'] as const
/** Ends that wait for their other end; if there are more, the file's later ones are counted and skipped. */
const MOST_OPEN = 500_000

/** One end of a flow. */
export interface FlowEnd {
  readonly track: number
  readonly us: number
  readonly ns: number
}

/** The rank of a category's flows; -1 where they launch nothing. */
export function flowRank(category: string): number {
  return (CATEGORIES as readonly string[]).indexOf(category)
}

/** Pairs the ends of flows by category and id, in whatever order they come. */
export class LaunchFlows {
  /** Ends without their other end. */
  unpaired = 0
  private readonly open = new Map<string, FlowEnd & { readonly isStart: boolean }>()
  private columns: FlowColumns | null = null
  private rows = 0
  private readonly ship: (columns: FlowColumns, rows: number) => void

  constructor(ship: (columns: FlowColumns, rows: number) => void) {
    this.ship = ship
  }

  add(rank: number, id: string, isStart: boolean, end: FlowEnd): void {
    const key = `${rank} ${id}`
    const other = this.open.get(key)
    if (other === undefined || other.isStart === isStart) {
      if (other !== undefined || this.open.size >= MOST_OPEN) this.unpaired++
      if (other !== undefined || this.open.size < MOST_OPEN) this.open.set(key, { ...end, isStart })
      return
    }
    this.open.delete(key)
    const [from, to] = isStart ? [end, other] : [other, end]
    this.columns ??= newFlowColumns()
    const c = this.columns
    const row = this.rows++
    c.rank[row] = rank
    c.from_track[row] = from.track
    c.from_us[row] = from.us
    c.from_ns[row] = from.ns
    c.to_track[row] = to.track
    c.to_us[row] = to.us
    c.to_ns[row] = to.ns
    if (this.rows === BATCH_ROWS) this.handOver()
  }

  /** Nothing follows. */
  finish(): void {
    this.handOver()
    this.unpaired += this.open.size
    this.open.clear()
  }

  private handOver(): void {
    if (this.columns === null) return
    this.ship(this.columns, this.rows)
    this.columns = null
    this.rows = 0
  }
}
