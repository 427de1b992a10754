import { randomInt } from 'node:crypto'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { loadSettings, type Settings } from '../../config/settings.ts'
import { withoutSecrets } from '../../config/without-secrets.ts'
import { studyText } from '../../dashboard/study-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import type { Engine } from '../../engines/care/engine.ts'
import { DEFAULT_ENGINE, type EngineName } from '../../engines/engine-names.ts'
import { ENGINES } from '../../engines/engines.ts'
import { decodeWarning } from '../../session/decode-warning.ts'
import { chooseModel } from '../../session/model-choice.ts'
import { roomFor } from '../../session/model-room.ts'
import { closedGroups, usersOf } from '../../session/offer.ts'
import { promptSchedule } from '../../session/prompt-drafts.ts'
import { type RequestRunOptions, runRequests } from '../../session/request-run.ts'
import { runSamplingStudy } from '../../session/sampling-study.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import { createRunFolder } from '../../store/run-folder.ts'
import type { Run } from '../command.ts'
import { BLOCKS, type OPTIONS, type studyCommand } from '../commands/study.ts'
import { prepareSources } from '../from-options/hardware-options.ts'
import { promptsFrom, samplingFrom } from '../from-options/request-options.ts'
import { targetFrom } from '../from-options/target-options.ts'
import type { OptionValues } from '../options.ts'
import { studyPrompts } from '../runs/study-work.ts'
import { engineProgress } from '../views/engine-progress.ts'
import { hasColor } from '../views/print-report.ts'
import { studyProgress } from '../views/study-progress.ts'

const PERIODS_MS = ['1000', '100', '50', '20', '10']
type Options = OptionValues<(typeof OPTIONS)[number]>

export const runStudy: Run<typeof studyCommand> = async ({ options }) => {
  const settings = loadSettings({ flags: options, envFile: options['env-file'] })
  const periodsMs = periodsFrom(options.periods ?? PERIODS_MS)
  const blocks = options.repeat ?? BLOCKS
  const seed = settings.get('seed') ?? randomInt(2 ** 31)
  const engine = settings.get('url') === undefined ? await startEngine(options) : null
  const stop = new StopSignal().install()
  const progress = studyProgress(process.stderr, options.quiet)
  try {
    const using =
      engine === null ? settings : loadSettings({ flags: { ...options, url: engine.url, model: engine.model } })
    const work = await workFrom(using, options, seed, engine, 1 + blocks * periodsMs.length)
    if (work.warning !== null) progress.note(work.warning)
    const folder = createRunFolder('study', options.out, settings.get('traceDir'))
    const record = await runSamplingStudy({
      folder,
      periodsMs,
      blocks,
      seed,
      stop,
      begins: progress.begins,
      done: progress.done,
      record: async ({ period_ms }, out, hooks) =>
        runRequests(
          {
            ...work.plan(),
            out,
            sampleMs: period_ms,
            sources: await stop.unlessStopped(prepareSources(using, period_ms)),
          },
          stop,
          {
            ...hooks,
            ended(...ended) {
              hooks.ended?.(...ended)
              progress.ended(work.requests)
            },
            note: progress.note,
            stopping: progress.stopping,
          },
        ),
    })
    progress.clear()
    if (options.json) process.stdout.write(`${JSON.stringify(record, null, 2)}\n`)
    else if (!options.quiet) {
      const width = Math.min(120, process.stdout.columns ?? 100)
      process.stdout.write(studyText(record, { width, paint: paintFor(hasColor()) }))
    }
    progress.where(folder, options.json)
    if (stop.stage !== 'running') return EXIT.interrupted
    return record.runs.every(({ ok }) => ok === 0) ? EXIT.badVerdict : EXIT.done
  } finally {
    progress.clear()
    await engine?.stop()
    stop.release()
  }
}

function periodsFrom(texts: readonly string[]): number[] {
  const periods = texts.map(Number)
  const odd = texts.find((text) => !/^\d+$/.test(text) || Number(text) < 10)
  if (odd !== undefined) {
    throw new LayerlineError(
      'usage/arguments',
      `--periods ${odd}: expected whole ms from 10, between commas, like 1000,100,10`,
    )
  }
  if (new Set(periods).size !== periods.length || periods.length < 2) {
    throw new LayerlineError('usage/arguments', `--periods ${texts.join(',')}: expected two or more, each once`)
  }
  return periods
}

async function startEngine(options: Options): Promise<Engine> {
  const starting = engineProgress(process.stderr, options.quiet)
  const { start } = ENGINES[(options.engine ?? DEFAULT_ENGINE) as EngineName]
  return start({
    onProgress: starting.show,
    signal: interruption.signal,
    ...(options.model === undefined ? {} : { model: options.model }),
  }).finally(starting.done)
}

/** What each of `runs` runs does: the same requests, under the same ids and seeds. */
async function workFrom(settings: Settings, options: Options, seed: number, engine: Engine | null, runs: number) {
  const ours = settings.get('promptFile') === undefined
  const prompts = ours ? studyPrompts() : await promptsFrom(settings)
  const target = targetFrom(settings, typeof prompts[0]?.prompt[0] === 'number')
  const server = await probeServer(target, settings.get('model'))
  const model = chooseModel(server, settings.get('model'), target)
  // Answers that end by themselves would make the work of one period longer than that of another.
  const sampling = samplingFrom(settings, { ...options, 'ignore-eos': options['ignore-eos'] || engine !== null })
  const schedule = await promptSchedule(prompts, {
    model,
    sampling,
    seed,
    stream: true,
    maxTokens: settings.get('maxTokens'),
    stage: undefined,
    repeat: 1,
    warmup: 0,
    room: (prompt) => roomFor(target, server, model, prompt),
  })
  const { measured } = schedule
  const warning = decodeWarning(prompts, {
    stage: undefined,
    maxTokens: settings.get('maxTokens'),
    maxModelLen: server.models.find(({ id }) => id === model)?.max_model_len ?? null,
    ignoreEos: sampling.ignore_eos === true,
    concurrency: settings.get('concurrency'),
    repeat: runs,
  })
  const plan = (): Omit<RequestRunOptions, 'out' | 'sampleMs' | 'sources'> => ({
    command: 'study',
    config: { settings: withoutSecrets(settings), prompts: prompts.length },
    sampling: { ...sampling, seed: `${seed} + request_id` },
    seed,
    target,
    server,
    model,
    ...(engine === null
      ? {}
      : {
          engine: {
            arguments: engine.arguments,
            model_sha256: engine.modelSha256,
            pid: engine.pid,
            same_host: true,
            version: server.version ?? engine.version,
          },
        }),
    keepTexts: false,
    keepTokenIds: false,
    plannedRequests: measured.length,
    offerer: closedGroups([usersOf(measured, settings.get('concurrency'))]),
  })
  return { plan, requests: measured.length, warning }
}
