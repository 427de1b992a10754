import { analyseRun } from '../../analysis/analyse-run.ts'
import { requestStory } from '../../analysis/attribution/request-story.ts'
import type { SplitModel } from '../../analysis/attribution/step-shares.ts'
import type { DefinitionsName } from '../../analysis/definitions/defined-figures.ts'
import { runFacts } from '../../analysis/overview/run-facts.ts'
import { parseSlo } from '../../analysis/slo/slo.ts'
import { EXIT, type ExitCode, LayerlineError } from '../../base/errors.ts'
import { reportMarkdown } from '../../dashboard/markdown/report-markdown.ts'
import { storyText } from '../../dashboard/request/story-view.ts'
import { sweepText } from '../../dashboard/sweep-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { isSweepFolder, readSweep } from '../../session/sweep/read-sweep.ts'
import { openRun } from '../../store/read/open-run.ts'
import type { Run } from '../command.ts'
import type { reportCommand } from '../commands/report.ts'
import { rooflineOptions } from '../from-options/roofline-options.ts'
import { busy } from '../views/busy.ts'
import { printReport, textOptions } from '../views/print-report.ts'

export const runReport: Run<typeof reportCommand> = async ({ arguments: [folder], options }) => {
  if (options.request === undefined) refuseAlone(options)
  refuseForms(options)
  if (options.annotation !== undefined && options.rules === undefined) {
    throw new LayerlineError('usage/rules', '--annotation needs --rules hta, which shows critical paths')
  }
  if (isSweepFolder(folder ?? '')) return reportSweep(folder ?? '', options)
  const slo = options.slo === undefined ? undefined : parseSlo(options.slo)
  const counted = rooflineOptions(options)
  const run = await openRun(folder ?? '')
  const looking = <T>(work: () => Promise<T>) => busy(process.stderr, false, 'analysing', work)
  try {
    const requestId = options.request
    if (requestId !== undefined) {
      const story = await looking(() =>
        requestStory(run, {
          requestId,
          token: options.token,
          split: (options.split ?? 'tokens') as SplitModel,
        }),
      )
      process.stdout.write(options.json ? `${JSON.stringify(story, null, 2)}\n` : storyText(story, textOptions()))
      return EXIT.done
    }
    const report = await looking(() =>
      analyseRun(run, {
        slo,
        definitions: options.definitions as DefinitionsName | undefined,
        rules: options.rules as 'hta' | undefined,
        annotation: options.annotation,
        roofline: counted,
      }),
    )
    if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    else if (options.md) process.stdout.write(reportMarkdown(report, await runFacts(run)))
    else printReport(report, run.folder)
  } finally {
    await run.close()
  }
  return EXIT.done
}

const SWEEP_OPTIONS = ['json']

/** The table and the answer of a sweep once more, as `load --sweep` printed them. */
function reportSweep(folder: string, options: Readonly<Record<string, unknown>>): ExitCode {
  const other = Object.entries(options).find(
    ([name, value]) => value !== undefined && value !== false && !SWEEP_OPTIONS.includes(name),
  )
  if (other !== undefined) {
    throw new LayerlineError(
      'usage/arguments',
      `${folder} is the folder of a sweep: --${other[0]} is for one of its runs`,
      {
        hint: `for example layerline report ${folder}/01-… --${other[0]} …`,
      },
    )
  }
  const record = readSweep(folder)
  if (options.json === true) process.stdout.write(`${JSON.stringify(record, null, 2)}\n`)
  else {
    const { width, color } = textOptions()
    process.stdout.write(sweepText(record, { width, paint: paintFor(color) }))
  }
  return EXIT.done
}

/** A report is printed in one form; one request and a sweep have no Markdown. */
function refuseForms({ md, json, request }: { md: boolean; json: boolean; request: number | undefined }): void {
  if (md && json) throw new LayerlineError('usage/arguments', '--md and --json: expected one of them')
  if (md && request !== undefined) {
    throw new LayerlineError('usage/arguments', '--md is for a whole run: drop --request or --md')
  }
}

/** Options that only change how one request is shown. */
function refuseAlone({ token, split }: { token: number | undefined; split: string | undefined }): void {
  const given = token !== undefined ? 'token' : split !== undefined ? 'split' : null
  if (given === null) return
  throw new LayerlineError('usage/arguments', `--${given}: of which request?`, { hint: 'name it: --request ID' })
}
