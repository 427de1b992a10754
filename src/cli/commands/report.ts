import { analyseRun } from '../../analysis/analyse-run.ts'
import { requestStory } from '../../analysis/attribution/request-story.ts'
import { SPLIT_MODELS, type SplitModel } from '../../analysis/attribution/step-shares.ts'
import type { DefinitionsName } from '../../analysis/definitions/defined-figures.ts'
import { parseSlo } from '../../analysis/slo/slo.ts'
import { EXIT, type ExitCode, LayerlineError } from '../../base/errors.ts'
import { storyText } from '../../dashboard/request/story-view.ts'
import { sweepText } from '../../dashboard/sweep-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { isSweepFolder, readSweep } from '../../session/sweep/read-sweep.ts'
import { openRun } from '../../store/read/open-run.ts'
import { defineCommand } from '../command.ts'
import { rooflineOptions } from '../from-options/roofline-options.ts'
import { printReport, textOptions } from '../views/print-report.ts'

export const reportCommand = defineCommand({
  name: 'report',
  summary: 'what happened in a run, and whether to trust it',
  about:
    'The verdict first: whether client, network or schedule limited the run, whether the server shared its machine, whether cached tokens spoil it. Then what was offered and done, failures by kind, TTFT, ITL, TPOT and E2E with counts and 95 % intervals, tokens per second, speed by size, and the machine. Definitions: docs/metrics.md.',
  arguments: [{ name: 'RUN', doc: 'folder of the run, which may still be recorded, or of a sweep' }],
  options: [
    'slo',
    'definitions',
    'rules',
    'annotation',
    'request',
    'token',
    'split',
    'model-config',
    'peak-tflops',
    'peak-gbps',
    'json',
  ],
  overrides: {
    split: {
      value: 'tokens|equal',
      choices: SPLIT_MODELS,
      doc: "with --request: how a step's time is divided among the requests that it ran together, which no source tells",
      default: 'tokens',
    },
  },
  examples: [
    { line: 'layerline report RUN', what: 'for reading' },
    {
      line: 'layerline report RUN --slo ttft=500ms,itl=50ms',
      what: 'also: how many requests kept both, and how many of those a second',
    },
    {
      line: 'layerline report RUN --definitions vllm',
      what: 'also: what `vllm bench serve` would have reported of the same answers',
    },
    { line: 'layerline report RUN --rules hta', what: "also: a profile's kernels as Holistic Trace Analysis counts" },
    {
      line: 'layerline report RUN --request 3 --token 17',
      what: 'why this token took so long: queue, step, kernels, gaps',
    },
    {
      line: 'layerline report RUN --model-config models/llama --peak-tflops 312 --peak-gbps 2039',
      what: "also: FLOPs and bytes of the engine's steps beside what the machine can do",
    },
    { line: 'layerline report RUN --json', what: 'every figure with its unit in its name' },
  ],
  async run({ arguments: [folder], options }) {
    if (options.request === undefined) refuseAlone(options)
    if (options.annotation !== undefined && options.rules === undefined) {
      throw new LayerlineError('usage/rules', '--annotation needs --rules hta, which shows critical paths')
    }
    if (isSweepFolder(folder ?? '')) return reportSweep(folder ?? '', options)
    const slo = options.slo === undefined ? undefined : parseSlo(options.slo)
    const counted = rooflineOptions(options)
    const run = await openRun(folder ?? '')
    try {
      if (options.request !== undefined) {
        const story = await requestStory(run, {
          requestId: options.request,
          token: options.token,
          split: (options.split ?? 'tokens') as SplitModel,
        })
        process.stdout.write(options.json ? `${JSON.stringify(story, null, 2)}\n` : storyText(story, textOptions()))
        return EXIT.done
      }
      const report = await analyseRun(run, {
        slo,
        definitions: options.definitions as DefinitionsName | undefined,
        rules: options.rules as 'hta' | undefined,
        annotation: options.annotation,
        roofline: counted,
      })
      if (options.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
      else printReport(report)
    } finally {
      await run.close()
    }
    return EXIT.done
  },
})

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

/** What only says how a request is told. */
function refuseAlone({ token, split }: { token: number | undefined; split: string | undefined }): void {
  const given = token !== undefined ? 'token' : split !== undefined ? 'split' : null
  if (given === null) return
  throw new LayerlineError('usage/arguments', `--${given}: of which request?`, { hint: 'name it: --request ID' })
}
