import type { Report } from '../../analysis/report.ts'
import { type ReportTextOptions, reportText } from '../../dashboard/report/report-view.ts'

/** Prints a report for people, as wide as the terminal, in colour where it has some. */
export function printReport(report: Report): void {
  process.stdout.write(reportText(report, textOptions()))
}

/** As wide as the terminal, in colour where it has some. */
export function textOptions(): ReportTextOptions {
  return { width: process.stdout.columns ?? 100, color: hasColor() }
}

/** Colour on a terminal that has it, unless NO_COLOR asks for none. */
export function hasColor(): boolean {
  return process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}
