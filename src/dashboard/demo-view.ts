import type { TrackFigures } from '../analysis/machine.ts'
import { duration, threeDigits } from '../analysis/quantity.ts'
import type { Report } from '../analysis/report.ts'
import { machineLines, timeLines } from './report/machine-view.ts'
import { coldStartLines } from './report/os-view.ts'
import { heading, verdictLines } from './report/report-view.ts'
import { requestTable } from './report/requests-view.ts'
import type { Paint } from './text/paint.ts'

/** What the demo shows of the machine; the rest is in `report`. */
const SHOWN = new Set(['host cpu_busy_ratio', 'host memory_available_bytes', 'host cpu_cores', 'host rss_bytes'])

/** The end of the demo: little enough for one screen. */
export function demoText(report: Report, { width: asked, color }: { width: number; color: Paint }): string {
  const width = Math.min(100, Math.max(60, asked))
  const shown = ({ layer, name }: TrackFigures) => SHOWN.has(`${layer} ${name}`)
  const machine = { ...report.machine, tracks: report.machine.tracks.filter(shown) }
  const sections: [string, string[]][] = [
    ['every answer', requestTable(report, width, color)],
    ['cold start, as the kernel saw it', coldStartLines(report.os, width, color)],
    ['where the time went', timeLines(report, width, color)],
    ['this machine and the engine meanwhile', machineLines({ ...report, machine }, width, color)],
    ['can these figures be trusted?', verdictLines(report.verdict.slice(0, 4), width - 2, color)],
  ]
  return sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `\n${heading(title, width, color)}\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('')
}

/** `first word 177 ms · 91 tokens · 62.1 tok/s · longest gap 41 ms`; times in ns. */
export function answerLine(answer: {
  ttftNs: number
  decodeNs: number
  maxGapNs: number
  tokens: number | null
}): string {
  const parts = [
    Number.isNaN(answer.ttftNs) ? '' : `first word ${duration(answer.ttftNs / 1e6)}`,
    answer.tokens === null ? '' : `${answer.tokens} tokens`,
    answer.tokens !== null && answer.decodeNs > 0
      ? `${threeDigits((answer.tokens - 1) / (answer.decodeNs / 1e9))} tok/s`
      : '',
    Number.isNaN(answer.maxGapNs) ? '' : `longest gap ${duration(answer.maxGapNs / 1e6)}`,
  ]
  return parts.filter(Boolean).join(' · ')
}
