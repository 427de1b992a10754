import type { Report } from '../../../analysis/report.ts'
import type { Overview } from '../api-types.ts'

/** Three commands for the next step, with this run's own ids in them. */
export function nextSteps(path: string, report: Report): Overview['next'] {
  const run = shellWord(path)
  const [slowest] = report.slowest
  const next: Overview['next'] = []
  if (slowest !== undefined) {
    next.push({
      command: `layerline report ${run} --request ${slowest.request_id}`,
      why: 'the slowest request, part by part',
    })
  }
  if (report.offered.requests > 0 && report.slo === null) {
    next.push({
      command: `layerline report ${run} --slo ttft=500ms,itl=50ms`,
      why: 'attainment and goodput by your objectives',
    })
  }
  if (report.kernels !== null)
    next.push({ command: `layerline report ${run} --rules hta`, why: 'kernels by the rules of HTA' })
  next.push({ command: `layerline export ${run} --to perfetto --out trace.pftrace`, why: 'the timeline for Perfetto' })
  next.push({ command: `layerline sql ${run} "FROM requests LIMIT 20"`, why: 'every row, by SQL' })
  return next.slice(0, 3)
}

function shellWord(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
