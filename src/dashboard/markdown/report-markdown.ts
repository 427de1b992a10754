import { fourFigures } from '../../analysis/overview/four-figures.ts'
import { layerStates } from '../../analysis/overview/layers.ts'
import type { RunFacts } from '../../analysis/overview/run-facts.ts'
import { duration } from '../../analysis/quantity.ts'
import type { Report } from '../../analysis/report.ts'
import { headlineOf } from '../../analysis/verdict/headline.ts'
import { reportText } from '../report/report-view.ts'
import { whyText } from '../report/requests-view.ts'
import { code, details, inFence, mdTable, plain } from './markdown-text.ts'

const MOST_CAVEATS = 3
const MOST_SLOW = 3
/** GitHub takes 65,536 characters for a comment; the text of a report with many sections is cut before that. */
const MOST_TEXT = 48_000

/**
 * A report for a pull request: at most 25 lines, and the whole text report to be opened by a click. Foreign names cannot
 * become links, mentions, images or HTML.
 */
export function reportMarkdown(report: Report, facts: RunFacts): string {
  const headline = headlineOf(report)
  const figures = fourFigures(report)
  const objectives = figures.some(({ objective }) => objective !== null)
  const lines = [
    `### ${code(report.run.run_id, 80)}`,
    '',
    `**${plain(headline.text)}**`,
    '',
    ...mdTable(
      figures.map(({ name }) => name),
      [
        figures.map(({ value }) => `**${value}**`),
        figures.map(({ interval }) => interval),
        ...(objectives
          ? [figures.map(({ objective, state }) => (objective === null ? ' ' : `${MARKS[state]}${plain(objective)}`))]
          : []),
      ],
    ),
    '',
    ...caveats(report),
    ...slowest(report),
    layers(report),
    '',
    ...factBlock(facts),
    ...details('The whole report', cut(reportText(report, { width: 100, color: false }))),
  ]
  return `${lines.join('\n')}\n`
}

const MARKS = { kept: '✓ ', broken: '✗ ', none: '' } as const

function caveats({ verdict }: Report): string[] {
  const against = verdict.filter(({ level }) => level === 'bad' || level === 'warn')
  const shown = against
    .slice(0, MOST_CAVEATS)
    .map(({ level, text }) => `- ${level === 'bad' ? '✗' : '!'} ${plain(text, 240)}`)
  if (against.length > MOST_CAVEATS) shown.push(`- ${against.length - MOST_CAVEATS} more in the report below`)
  return shown
}

function slowest(report: Report): string[] {
  const shown = report.slowest.slice(0, MOST_SLOW)
  if (shown.length === 0) return []
  const each = shown.map(
    (line) => `request ${line.request_id} took ${duration(line.took_ms)} (${plain(whyText(line), 120)})`,
  )
  return [`- Slowest: ${each.join('; ')}`]
}

function layers(report: Report): string {
  const states = layerStates(report)
  const present = states.flatMap(({ layer, present }) => (present ? [layer] : []))
  const missing = states.flatMap(({ layer, present }) => (present ? [] : [layer]))
  return `- Layers: ${present.join(', ') || 'none'}${missing.length === 0 ? '' : `; not recorded: ${missing.join(', ')}`}`
}

/** Model, engine, arguments, hardware and versions, in one block. */
export function factBlock(facts: RunFacts): string[] {
  const rows: [string, string | null][] = [
    ['model', facts.model],
    ['engine', facts.engine],
    ['arguments', facts.arguments],
    ['hardware', facts.hardware],
    ['versions', facts.versions],
  ]
  return [
    '```text',
    ...rows.map(([name, text]) => `${name.padEnd(9)}  ${text === null ? 'not known' : inFence(text)}`),
    '```',
  ]
}

function cut(text: string): string {
  if (text.length <= MOST_TEXT) return text
  const lines = text.slice(0, MOST_TEXT).split('\n')
  return `${lines.slice(0, -1).join('\n')}\n… cut here: \`layerline report\` prints all of it`
}
