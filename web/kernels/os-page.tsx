import type { ViewProps } from '../base/view-props.ts'
import { CounterCharts } from '../parts/counter-charts.tsx'
import { NameTable } from './name-table.tsx'

const SLICES = `SELECT name, category, count(*) AS n, sum(dur_ns) AS total_ns, max(dur_ns) AS longest_ns FROM named_slices
  WHERE track_id IN (SELECT track_id FROM tracks WHERE layer = 'os') AND category <> 'gap' GROUP BY ALL ORDER BY total_ns DESC LIMIT 1000`

export function OsPage({ id }: ViewProps) {
  return (
    <div class="page">
      <h1 class="hidden-label">Operating system</h1>
      <NameTable
        id={id}
        title="What the kernel saw"
        sql={SLICES}
        empty="No kernel events were recorded: --os auto records them"
      />
      <CounterCharts
        id={id}
        layers="os"
        title="Kernel counts"
        empty="No kernel counts were recorded"
        command="--os auto"
      />
      <CounterCharts id={id} layers="host" title="Host" empty="The host was not watched" command="layerline trace" />
    </div>
  )
}
