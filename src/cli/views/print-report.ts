import { relative } from 'node:path'
import type { Report } from '../../analysis/report.ts'
import { programName } from '../../base/program-name.ts'
import { type ReportTextOptions, reportText } from '../../dashboard/report/report-view.ts'

/** Prints a report for people, as wide as the terminal, in colour where it has some, and how to see the run in the browser. */
export function printReport(report: Report, folder: string): void {
  process.stdout.write(`${reportText(report, textOptions())}\nin the browser: ${serveLine(folder)}\n`)
}

/** The command that shows a run in the browser. */
export function serveLine(folder: string): string {
  const below = relative(process.cwd(), folder)
  const path = below === '' ? '.' : below.startsWith('..') ? folder : below
  return `${programName()} serve ${/^[\w./:@+~-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`}`
}

/** As wide as the terminal, in colour where it has some. */
export function textOptions(): ReportTextOptions {
  return { width: process.stdout.columns ?? 100, color: hasColor() }
}

/** Colour on a terminal that has it, unless NO_COLOR asks for none. */
export function hasColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}
