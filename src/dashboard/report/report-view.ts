import { bytes, duration } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import type { VerdictLine } from '../../trace/run-json.ts'
import { type Paint, paintFor } from '../text/paint.ts'
import { clip, pad, printable, textWidth, wrap } from '../text/text.ts'
import { bookLines } from './books-view.ts'
import { certificateLines } from './certificate-view.ts'
import { definitionLines } from './definitions-view.ts'
import { engineLines } from './engine-view.ts'
import { energyLines, speedPlot, stageLines } from './hardware-view.ts'
import { interferenceLines } from './interference-view.ts'
import { kernelLines } from './kernels-view.ts'
import { lateLines } from './late-view.ts'
import { kernelClockLines, latencyLines, repeatLines, throughputLines, tokenLines } from './latency-view.ts'
import { machineLines, timeLines } from './machine-view.ts'
import { operatorLines } from './operators-view.ts'
import { coldStartLines, osLines } from './os-view.ts'
import { failureLines, offeredLines, requestTable, slowestTable } from './requests-view.ts'
import { rooflineLines } from './roofline-view.ts'
import { sloLines } from './slo-view.ts'
import { steadyLines } from './steady-view.ts'
import { spanLines, stepLines } from './steps-view.ts'

export interface ReportTextOptions {
  /** Columns to fill; 60 to 100 are used whatever is asked. */
  width: number
  color: boolean
}

/** What there is to say of a program that was looked at, without requests. */
const OS_SECTIONS = new Set(['verdict', 'cold start', 'operating system'])

/** What a profile, imported without requests, has nothing to say of. */
const REQUEST_SECTIONS = new Set(['offered and done', 'latency, with 95 % intervals', 'machine and engine'])

/** A report to read: the verdict, then each section that has something to say; ends with a line break. */
export function reportText(report: Report, { width: asked, color }: ReportTextOptions): string {
  const width = Math.min(100, Math.max(60, asked))
  const paint = paintFor(color)
  const wrapped = (lines: string[]) => lines.flatMap((line) => wrap(line, width - 2))
  const sections: [string, string[]][] = [
    ['verdict', verdictLines(report.verdict, width - 2, paint)],
    [
      `as imported${report.run.imported?.format ? ` from ${printable(report.run.imported.format)}` : ''}`,
      verdictLines(report.run.imported?.notes ?? [], width - 2, paint),
    ],
    ['offered and done', wrapped(offeredLines(report))],
    ['over time, and steady state', wrapped(steadyLines(report, paint))],
    ['failures', failureLines(report, width, paint)],
    ['latency, with 95 % intervals', latencyLines(report, width, paint)],
    [`as ${report.definitions?.tool ?? ''} counts`, definitionLines(report, width, paint)],
    ['objectives', sloLines(report, paint)],
    ['tokens', wrapped(tokenLines(report))],
    ['speed by size', [...throughputLines(report, paint), ...speedPlot(report, width, paint)]],
    ['by pass', repeatLines(report, paint)],
    [
      `where the time went${report.time === null ? '' : `: ${duration(report.time.total_s * 1e3)} in all`}`,
      timeLines(report, width, paint),
    ],
    ["the client's clock", wrapped(kernelClockLines(report))],
    ['what watching costs, with 95 % intervals', certificateLines(report, paint)],
    ['the slowest requests', slowestTable(report, width, paint)],
    ['late tokens', lateLines(report, width, paint)],
    ['steps of the engine', stepLines(report, paint)],
    ['who delayed whom', interferenceLines(report.interference, width, paint)],
    ['as the server says of its requests', spanLines(report, paint)],
    ['as the server reports itself', engineLines(report, width, paint)],
    ['hardware by stage', stageLines(report, width, paint)],
    ['energy', energyLines(report, width, paint)],
    ['engine steps and kernels', kernelLines(report.kernels, width, paint)],
    ["roofline of the engine's steps", rooflineLines(report.roofline, paint)],
    ['operators, summed: their times are not known', operatorLines(report.operators, width - 2, paint)],
    ['cold start', wrapped(coldStartLines(report.os, width, paint))],
    ['operating system', wrapped(osLines(report.os, width, paint))],
    ['books: what has to add up', bookLines(report.books, width - 2, paint)],
    ['machine and engine', machineLines(report, width, paint)],
    [
      report.requests.length < report.offered.requests ? 'the first requests' : 'requests',
      requestTable(report, width, paint),
    ],
  ]
  const body = sections
    .filter(([title, lines]) => lines.length > 0 && (report.run.command !== 'os' || OS_SECTIONS.has(title)))
    .filter(
      ([title]) =>
        report.run.command !== 'import' || report.offered.by_status.length > 0 || !REQUEST_SECTIONS.has(title),
    )
    .flatMap(([title, lines]) => ['', heading(title, width, paint), ...lines.map((line) => `  ${line}`)])
  return `${[...headLines(report, width, paint), ...body].join('\n')}\n`
}

/** The marks of a verdict: ✗ spoils the run, ! may, · is to know, ✓ speaks for it. */
export function verdictLines(verdict: readonly VerdictLine[], width: number, paint: Paint): string[] {
  const marks = { bad: paint.red('✗'), warn: paint.yellow('!'), note: paint.dim('·'), ok: paint.green('✓') }
  return verdict.flatMap(({ level, text }) =>
    wrap(printable(text), width - 2).map((line, i) => {
      const painted = level === 'bad' ? paint.bold(line) : level === 'note' ? paint.dim(line) : line
      return `${i === 0 ? marks[level] : ' '} ${painted}`
    }),
  )
}

function headLines({ run }: Report, width: number, paint: Paint): string[] {
  const name = clip(printable(run.run_id), width - 12)
  const state = run.state === 'sealed' ? run.state : paint.yellow(run.state)
  const what = [run.command, run.model, run.server, run.url].flatMap((part) => (part ? [printable(part)] : []))
  const hosts = run.hosts.map(({ name: host, cpu, cores, memory_bytes }) =>
    printable(`${host}: ${cores} × ${cpu ?? 'CPU'}, ${bytes(memory_bytes)}`),
  )
  return [
    `${paint.bold(pad(name, width - run.state.length))}${state}`,
    paint.dim(clip(what.join(' · '), width)),
    ...hosts.map((host) => paint.dim(clip(host, width))),
  ]
}

export function heading(title: string, width: number, paint: Paint): string {
  return `${paint.bold(title)} ${paint.dim('─'.repeat(Math.max(0, width - textWidth(title) - 1)))}`
}
