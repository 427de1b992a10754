import type { ViewProps } from '../base/view-props.ts'
import { NameTable } from './name-table.tsx'

const GPU = `SELECT name, category, count(*) AS n, sum(dur_ns) AS total_ns, max(dur_ns) AS longest_ns FROM v_kernels GROUP BY ALL ORDER BY total_ns DESC LIMIT 1000`
/** Own time: of nested operators only it may be added up. */
const OPERATORS = `SELECT name, 'operator' AS category, count(*) AS n, sum(self_ns) AS total_ns, max(dur_ns) AS longest_ns FROM v_operators GROUP BY ALL ORDER BY total_ns DESC LIMIT 1000`
const SUMMED = `SELECT name, coalesce(model, framework) AS kind, sum(count) AS n, sum(coalesce(self_device_ns, 0) + coalesce(self_cpu_ns, 0)) AS total_ns, max(self_cpu_ns) AS longest_ns FROM ops GROUP BY ALL ORDER BY total_ns DESC LIMIT 1000`

export function KernelsPage({ id }: ViewProps) {
  return (
    <div class="page">
      <h1 class="hidden-label">Kernels</h1>
      <NameTable id={id} title="Kernels, copies and fills" sql={GPU} empty="Nothing on a GPU was recorded" />
      <NameTable
        id={id}
        title="Operators, by their own time on the host"
        sql={OPERATORS}
        empty="No operators were recorded: --profile records them"
      />
      <NameTable id={id} title="Operators, summed by their source" sql={SUMMED} empty="No sums of operators" />
    </div>
  )
}
