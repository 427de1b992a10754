import type { RunReader } from '../store/read/run-reader.ts'
import { backlogFigures } from './backlog/backlog.ts'
import { closedBooks } from './books/books.ts'
import { certificate } from './certify/certificate.ts'
import { type DefinitionsName, definedFigures } from './definitions/defined-figures.ts'
import { engineFigures } from './engine/engine-figures.ts'
import { hardwareFigures } from './hardware/hardware.ts'
import { interference } from './interference/interference.ts'
import { kernelFigures } from './kernels/kernels.ts'
import { opTotals } from './kernels/op-totals.ts'
import { lateTokens } from './late-tokens/late-tokens.ts'
import { kernelClock } from './latency/kernel-clock.ts'
import { latencyFigures } from './latency/latency.ts'
import { requestLines } from './latency/request-lines.ts'
import { sizeThroughput } from './latency/size-throughput.ts'
import { slowestRequests } from './latency/slowest-requests.ts'
import { streamFacts } from './latency/stream-facts.ts'
import { timeShares } from './latency/time-shares.ts'
import { machineFigures } from './machine.ts'
import { osFigures } from './os/os-figures.ts'
import { rejectedValues } from './rejected-values.ts'
import type { Figures, Report } from './report.ts'
import { answerFacts } from './requests/answers.ts'
import { failureFigures } from './requests/failures.ts'
import { measuredSpan, offeredFigures } from './requests/offered.ts'
import { tokenFigures } from './requests/tokens.ts'
import { type RooflineOptions, roofline } from './roofline/roofline.ts'
import { runSummary } from './run-summary.ts'
import type { SloLimit } from './slo/slo.ts'
import { sloFigures } from './slo/slo-figures.ts'
import { steadyState } from './steady-state/steady-state.ts'
import { spanFigures } from './steps/span-figures.ts'
import { stepFigures } from './steps/step-figures.ts'
import { stepJoin } from './steps/step-join.ts'
import { readTokenEvents } from './token-events/token-events.ts'
import { judge } from './verdict/judge.ts'

export interface AnalyseOptions {
  /** Requests listed one by one. */
  requestLines?: number
  /** Stretches that a listed request's gaps are shown in. */
  gapBins?: number
  /** Late tokens listed one by one. */
  lateLines?: number
  /** Objectives to judge the requests by. */
  slo?: readonly SloLimit[] | undefined
  /** Another tool's definitions, to lay its figures beside ours. */
  definitions?: DefinitionsName | undefined
  /** Another tool's rules for kernels, to add its figures. */
  rules?: 'hta' | undefined
  /** With rules: text in the names of the events whose critical path is shown. */
  annotation?: string | undefined
  /** The model and the machine to count the work of steps by. */
  roofline?: RooflineOptions | undefined
}

const OPERATORS_SHOWN = 5

/**
 * Everything `report` says about a run, its verdict first. Aggregates are made in SQL, or of token events in passes over all: memory does
 * not grow with the events. Queries run one after another, so that a live run's recorder is not crowded.
 */
export async function analyseRun(reader: RunReader, options: AnalyseOptions = {}): Promise<Report> {
  const span = await measuredSpan(reader)
  const offered = await offeredFigures(reader, span)
  const events = await readTokenEvents(reader)
  const { stream, amortized } = await streamFacts(events)
  const { latency, gaps } = await latencyFigures(reader, events, amortized)
  const engine = await engineFigures(reader, span)
  const hardware = await hardwareFigures(reader, span, options.requestLines)
  const late = await lateTokens(reader, gaps.usual, options.lateLines)
  const figures: Figures = {
    run: runSummary(reader.run),
    offered,
    steady: await steadyState(reader, span, offered.concurrency),
    backlog: await backlogFigures(reader, offered.concurrency),
    failures: await failureFigures(reader),
    latency,
    slo: options.slo === undefined ? null : await sloFigures(reader, options.slo, span, offered.concurrency),
    definitions: options.definitions === undefined ? null : await definedFigures(reader, options.definitions),
    stream,
    answers: await answerFacts(reader),
    tokens: await tokenFigures(reader, span, offered.concurrency),
    throughput: await sizeThroughput(reader),
    time: await timeShares(reader, span, offered.concurrency, gaps),
    steps: await stepFigures(reader),
    step_join: await stepJoin(reader),
    interference: await interference(reader),
    books: await closedBooks(reader, { engine, hardware }),
    spans: await spanFigures(reader),
    late_tokens: late,
    slowest: await slowestRequests(reader, late?.longest ?? []),
    kernel_clock: await kernelClock(reader),
    certificate: await certificate(reader),
    machine: await machineFigures(reader, span),
    hardware,
    engine_metrics: engine,
    rejected_values: await rejectedValues(reader),
    os: await osFigures(reader, span),
    kernels: await kernelFigures(reader, options.rules, options.annotation),
    operators: await opTotals(reader, OPERATORS_SHOWN),
    roofline: options.roofline === undefined ? null : await roofline(reader, options.roofline),
    requests: await requestLines(reader, events, options.requestLines ?? 20, options.gapBins ?? 24),
  }
  const { run, ...rest } = figures
  return {
    run,
    ...judge(figures),
    ...rest,
  }
}
