import { randomInt } from 'node:crypto'
import { EXIT } from '../../base/errors.ts'
import { loadSettings } from '../../config/settings.ts'
import { withoutSecrets } from '../../config/without-secrets.ts'
import { decodeWarning } from '../../session/decode-warning.ts'
import { checkOpenFiles } from '../../session/file-limit.ts'
import { chooseModel } from '../../session/model-choice.ts'
import { roomFor } from '../../session/model-room.ts'
import { closedGroups, usersOf } from '../../session/offer.ts'
import { promptSchedule } from '../../session/prompt-drafts.ts'
import { rehearseUsers } from '../../session/rehearsal/rehearse.ts'
import { runRequests } from '../../session/request-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import type { Run } from '../command.ts'
import type { traceCommand } from '../commands/trace.ts'
import { prepareSources } from '../from-options/hardware-options.ts'
import { promptsFrom, samplingFrom } from '../from-options/request-options.ts'
import { targetFrom } from '../from-options/target-options.ts'
import { tracePlan } from '../runs/trace-plan.ts'
import { liveView } from '../views/live-view.ts'
import { printReport } from '../views/print-report.ts'
import { traceView } from '../views/trace-view.ts'

export const runTrace: Run<typeof traceCommand> = async ({ options }) => {
  if (options.plan !== undefined) return tracePlan(options)
  const settings = loadSettings({ flags: options, envFile: options['env-file'] })
  const prompts = await promptsFrom(settings)
  const target = targetFrom(settings, typeof prompts[0]?.prompt[0] === 'number')
  const server = await probeServer(target, settings.get('model'))
  const model = chooseModel(server, settings.get('model'), target)
  const sampling = samplingFrom(settings, options)
  const seed = settings.get('seed') ?? randomInt(2 ** 31)
  const schedule = await promptSchedule(prompts, {
    model,
    sampling,
    seed,
    stream: !options['no-stream'],
    maxTokens: settings.get('maxTokens'),
    stage: settings.get('stage'),
    repeat: settings.get('repeat'),
    warmup: settings.get('warmup'),
    room: (prompt) => roomFor(target, server, model, prompt),
  })
  const concurrency = settings.get('concurrency')
  const planned = schedule.warmup.length + schedule.measured.length
  checkOpenFiles({ inFlight: concurrency, perSecond: null, requests: planned, workers: 1 })
  const stop = new StopSignal().install()
  const total = schedule.warmup.length + schedule.measured.length
  const live =
    options.live || options['metrics-port'] !== undefined
      ? await liveView({
          command: 'trace',
          subject: `${model} · ${new URL(target.url).host}`,
          plannedRequests: total,
          stop,
          options,
          quiet: options.quiet || !options.live,
        })
      : null
  const view = traceView({ total, quiet: options.quiet, json: options.json, live })
  try {
    const warning = decodeWarning(prompts, {
      stage: settings.get('stage'),
      maxTokens: settings.get('maxTokens'),
      maxModelLen: server.models.find(({ id }) => id === model)?.max_model_len ?? null,
      ignoreEos: options['ignore-eos'],
      concurrency,
      repeat: settings.get('repeat'),
    })
    view.notes([...(server.notes ?? []), ...(warning === null ? [] : [warning])], target.insecure)
    await stop.unlessStopped(rehearseUsers(Math.min(concurrency, total)))
    const sources = await stop.unlessStopped(prepareSources(settings), (made) =>
      made.forEach((each) => void each.stop()),
    )
    const run = await runRequests(
      {
        command: 'trace',
        out: options.out,
        parent: settings.get('traceDir'),
        config: {
          settings: withoutSecrets(settings),
          prompts: prompts.length,
          stream: !options['no-stream'],
          texts: options.texts,
          ...(options.certify === undefined ? {} : { certify_block_s: options.certify }),
        },
        sampling: { ...sampling, seed: `${seed} + request_id` },
        seed,
        target,
        server,
        model,
        sampleMs: settings.get('sampleMs'),
        keepTexts: options.texts || options['token-ids'],
        keepTokenIds: options['token-ids'],
        sources,
        certify: options.certify ?? null,
        plannedRequests: total,
        offerer: closedGroups([usersOf(schedule.warmup, concurrency), usersOf(schedule.measured, concurrency)]),
      },
      stop,
      view,
    )
    view.done()
    if (options.json) process.stdout.write(`${JSON.stringify(run.report, null, 2)}\n`)
    else if (!options.quiet) printReport(run.report, run.folder)
    view.where(run.folder)
    if (run.interrupted) return EXIT.interrupted
    return run.report.offered.requests > 0 && view.succeeded === 0 ? EXIT.badVerdict : EXIT.done
  } finally {
    view.done()
    stop.release()
  }
}
