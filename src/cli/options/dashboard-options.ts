import type { OptionSpec } from './option-spec.ts'

/** The live dashboard and the page of metrics. */
export const DASHBOARD_OPTIONS = {
  live: {
    kind: 'switch',
    doc: 'watch the run: a dashboard on a terminal (docs/dashboard.md), else one line every --log-every seconds',
  },
  'log-every': {
    kind: 'seconds',
    value: 'S',
    min: 0.05,
    doc: 'time between frames of the dashboard, or between lines without a terminal',
    default: '0.25, lines 5',
  },
  'sample-interval': {
    kind: 'seconds',
    value: 'S',
    min: 0.5,
    doc: 'window of the rates and the recent percentiles',
    default: '5',
  },
  'plot-window': {
    kind: 'seconds',
    value: 'S',
    min: 5,
    doc: 'time span of the charts; + and - change it',
    default: '60',
  },
  'plot-rows': { kind: 'integer', value: '1|2', min: 1, doc: '1: charts of one row each', default: '2' },
  'plot-height': { kind: 'integer', value: 'N', min: 1, doc: 'rows of a chart', default: 'what fits' },
  'spark-width': { kind: 'integer', value: 'N', min: 1, doc: 'columns of a graph', default: 'what fits' },
  'y-width': { kind: 'integer', value: 'N', min: 1, doc: 'columns of the axis labels', default: '7' },
  'num-width': { kind: 'integer', value: 'N', min: 4, doc: 'columns of the numbers beside a graph', default: '11' },
  'bar-width': { kind: 'integer', value: 'N', min: 1, doc: 'columns of the progress bar', default: 'what fits' },
  'no-plot': { kind: 'switch', doc: 'figures without charts' },
  'metrics-port': {
    kind: 'integer',
    value: 'N',
    min: 0,
    max: 65_535,
    doc: 'serve the live figures to Prometheus at http://127.0.0.1:N/metrics; 0: any free port',
  },
} as const satisfies Record<string, OptionSpec>
