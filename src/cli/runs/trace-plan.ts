import { existsSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { analyseRun } from '../../analysis/analyse-run.ts'
import type { Report } from '../../analysis/report.ts'
import { EXIT, type ExitCode, LayerlineError } from '../../base/errors.ts'
import { type PlanFile, readPlanFile } from '../../config/plan-file.ts'
import { loadSettings, type Settings } from '../../config/settings.ts'
import { withoutSecrets } from '../../config/without-secrets.ts'
import type { YamlFile } from '../../config/yaml-file.ts'
import { planText } from '../../dashboard/plan-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { chooseModel } from '../../session/model-choice.ts'
import type { PromptPart } from '../../session/prompt-drafts.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { type PlanOutcome, type PlanTarget, runPlan } from '../../session/trace-plan/run-plan.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import { openRun } from '../../store/read/open-run.ts'
import { loadPrompts } from '../../workload/prompts.ts'
import { prepareSources } from '../from-options/hardware-options.ts'
import { samplingFrom } from '../from-options/request-options.ts'
import { targetFrom } from '../from-options/target-options.ts'
import type { OptionName, OptionValues } from '../options.ts'
import { planProgress } from '../views/plan-progress.ts'
import { hasColor } from '../views/print-report.ts'

/** Options allowed beside --plan; all others belong in the plan, so that the file says what was done. */
const BESIDE = ['plan', 'env-file', 'out', 'json', 'quiet'] as const satisfies OptionName[]
type Options = OptionValues<(typeof BESIDE)[number]>

/** `trace --plan`: follows a plan, or resumes it. */
export async function tracePlan(options: Options): Promise<ExitCode> {
  refuseOthers(options)
  const file = readPlanFile(options.plan ?? '')
  const settingsOf = (plan: readonly YamlFile[]) => loadSettings({ flags: {}, envFile: options['env-file'], plan })
  const settings = settingsOf(file.settings)
  const parts: PromptPart[] = []
  for (const stage of file.stages) parts.push(await partOf(file, stage, settingsOf(stage.settings)))
  const tokenIds = parts.every(({ prompts }) => typeof prompts[0]?.prompt[0] === 'number')
  const out = resolve(options.out ?? join(settings.get('traceDir') ?? 'runs', basename(file.path, extname(file.path))))
  const stop = new StopSignal().install()
  const view = planProgress({ targets: file.targets.length, quiet: options.quiet, json: options.json })
  try {
    const outcome = await runPlan(
      {
        ...file,
        out,
        file: file.path,
        seed: settings.get('seed'),
        sampleMs: settings.get('sampleMs'),
        concurrency: settings.get('concurrency'),
        warmup: settings.get('warmup'),
        parts,
        targets: file.targets.map(({ name, settings: given }) => planTarget(name, settingsOf(given), tokenIds)),
      },
      stop,
      view,
    )
    view.done()
    await print(outcome, out, options)
    return exitOf(outcome, view.succeeded)
  } finally {
    view.done()
    stop.release()
  }
}

function refuseOthers(options: Options): void {
  const other = Object.entries(options).find(
    ([name, value]) => value !== undefined && value !== false && !BESIDE.some((each) => each === name),
  )
  if (other === undefined) return
  throw new LayerlineError('usage/plan', `--${other[0]} and --plan: the plan already names what to send and where`, {
    hint: `write it into ${options.plan}; beside --plan there may be ${BESIDE.slice(1)
      .map((name) => `--${name}`)
      .join(', ')}`,
  })
}

async function partOf(file: PlanFile, stage: PlanFile['stages'][number], settings: Settings): Promise<PromptPart> {
  const given = settings.need('promptFile')
  const beside = resolve(dirname(file.path), given)
  const promptDir = settings.get('promptDir')
  const sizes = settings.get('sizes')
  return {
    prompts: await loadPrompts(existsSync(beside) ? beside : given, {
      ...(promptDir === undefined ? {} : { promptDir }),
      ...(sizes === undefined ? {} : { sizes }),
    }),
    sampling: samplingFrom(settings, { 'ignore-eos': stage.ignoreEos, body: JSON.stringify(stage.body) }),
    maxTokens: settings.get('maxTokens'),
    stage: settings.get('stage'),
    repeat: settings.get('repeat'),
  }
}

function planTarget(name: string, settings: Settings, tokenIds: boolean): PlanTarget {
  return {
    name,
    async prepare() {
      const target = targetFrom(settings, tokenIds)
      const server = await probeServer(target, settings.get('model'))
      return {
        target,
        server,
        model: chooseModel(server, settings.get('model'), target),
        config: { settings: withoutSecrets(settings) },
        sources: () => prepareSources(settings),
      }
    },
  }
}

async function print({ seed, targets }: PlanOutcome, out: string, { plan, json, quiet }: Options): Promise<void> {
  const lines = []
  for (const { runs, problem, ...target } of targets) {
    const reports = []
    for (const run of runs) reports.push({ run, report: await reportOf(run) })
    lines.push({ ...target, problem: problem?.message ?? null, runs: reports })
  }
  if (json) {
    process.stdout.write(`${JSON.stringify({ plan, out, seed, targets: lines }, null, 2)}\n`)
  } else if (quiet) {
    process.stdout.write(`${out}\n`)
  } else {
    const named = lines.map(({ runs, ...line }) => {
      return { ...line, runs: runs.map(({ run, report }) => ({ name: basename(run), report })) }
    })
    process.stdout.write(`\n${planText(named, paintFor(hasColor()))}`)
    process.stderr.write(`\nruns: ${out}\n`)
  }
}

async function reportOf(folder: string): Promise<Report> {
  const reader = await openRun(folder)
  try {
    return await analyseRun(reader)
  } finally {
    await reader.close()
  }
}

function exitOf({ interrupted, targets }: PlanOutcome, succeeded: number): ExitCode {
  if (interrupted) return EXIT.interrupted
  const problem = targets.find((target) => target.problem !== null)?.problem
  if (problem) return problem.exitCode
  const whole = targets.every(({ requests, answered }) => requests === answered)
  return !whole && succeeded === 0 ? EXIT.badVerdict : EXIT.done
}
