import { DEFINITIONS } from '../../analysis/definitions/defined-figures.ts'
import type { OptionSpec } from './option-spec.ts'

/** What is read out of a run, and in which form. */
export const ANSWER_OPTIONS = {
  definitions: {
    kind: 'text',
    value: 'TOOL',
    choices: Object.keys(DEFINITIONS),
    doc: "add that tool's figures, by its formulas, from the same requests and events",
  },
  slo: {
    kind: 'text',
    value: 'LIST',
    doc: 'objectives per request, `ttft=500ms,itl=50ms`: ttft, itl (its longest gap), itl_p99 (a quantile of its gaps), tpot, e2e; due_ttft and due_e2e count from when it was due',
  },
  json: { kind: 'switch', doc: 'print the result as JSON' },
  md: { kind: 'switch', doc: 'print Markdown for a pull request: at most 25 lines, the rest to be opened by a click' },
  csv: { kind: 'switch', doc: 'print rows as CSV' },
  request: {
    kind: 'integer',
    value: 'ID',
    min: 0,
    doc: 'show what happened to this request, layer by layer, instead of the whole run',
  },
  token: {
    kind: 'integer',
    value: 'N',
    min: 1,
    doc: 'with --request: token N of its answer (from 1): its step, and what ran in it',
  },
  rules: {
    kind: 'text',
    value: 'hta',
    choices: ['hta'],
    doc: 'count kernels by the rules of Holistic Trace Analysis 0.5.0',
  },
  annotation: {
    kind: 'text',
    value: 'TEXT',
    doc: 'with --rules hta: show the critical path of events with this text in their name',
    default: 'ProfilerStep, else the engine steps',
  },
  iteration: {
    kind: 'list',
    value: 'N[,M]',
    doc: 'number of the ProfilerStep to compare; N,M: step N of A with step M of B',
    default: 'the first',
  },
  'model-config': {
    kind: 'text',
    value: 'PATH',
    doc: "config.json of the model, or its folder: adds a roofline of the engine's steps",
  },
  'peak-tflops': {
    kind: 'number',
    value: 'N',
    doc: 'peak compute of the machine, 10^12 FLOP/s, for the roofline',
  },
  'peak-gbps': { kind: 'number', value: 'N', doc: 'peak memory bandwidth, 10^9 bytes/s, for the roofline' },
  stacks: { kind: 'switch', doc: "keep a profile's Python functions (most of its events)" },
  args: { kind: 'switch', doc: 'keep the args of each event of a profile, as JSON' },
  strict: {
    kind: 'switch',
    doc: "refuse a load tool's results or a CSV file if a row cannot be read; by default such rows are skipped and counted",
  },
  quiet: { kind: 'switch', doc: 'no progress, no hints' },
  to: { kind: 'many', value: 'FORMAT', doc: 'format to write' },
  until: { kind: 'seconds', value: 'S', doc: 'end of the window, seconds since the start of the run', default: 'all' },
  from: { kind: 'seconds', value: 'S', doc: 'start of the window, seconds since the start of the run', default: 'all' },
  layers: { kind: 'list', value: 'LIST', doc: 'only these layers, `request,gpu`', default: 'all' },
  split: { kind: 'text', value: 'size', choices: ['size'], doc: 'one file per prompt size' },
  vision: { kind: 'switch', doc: 'one line per sample and request, one file per stage and GPU' },
  tables: { kind: 'switch', doc: 'result tables: one line per request, and medians by size' },
} as const satisfies Record<string, OptionSpec>
