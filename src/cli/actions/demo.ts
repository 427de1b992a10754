import { relative } from 'node:path'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import { programName } from '../../base/program-name.ts'
import { demoText } from '../../dashboard/demo-view.ts'
import { paintFor } from '../../dashboard/text/paint.ts'
import { DEFAULT_ENGINE, type EngineName } from '../../engines/engine-names.ts'
import { ENGINES } from '../../engines/engines.ts'
import { conversation } from '../../session/conversation.ts'
import { closedGroups, type Draft, usersOf } from '../../session/offer.ts'
import { runRequests } from '../../session/request-run.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { prepareStepLog } from '../../sources/engine/step-log/step-log.ts'
import { prepareGpu } from '../../sources/gpu/gpu-source.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import type { Run } from '../command.ts'
import type { demoCommand } from '../commands/demo.ts'
import { watchEngineStart } from '../os/engine-start.ts'
import { demoTalk } from '../views/demo-talk.ts'
import { engineProgress } from '../views/engine-progress.ts'
import { hasColor } from '../views/print-report.ts'
import { progressLine } from '../views/progress-line.ts'

const SYSTEM = 'You are a friendly poet. Answer in a few plain sentences.'
/** Things that a small model can do. */
const SAYS = [
  'Write a short poem about the sea at night.',
  'Now the same as one sentence.',
  'Tell me a very short story about a letter that arrived late.',
  'List five fruits.',
  'Count from one to ten in words.',
  'Thank you, and good night.',
]
const MAX_TOKENS = 96
const SAMPLING = { temperature: 0.7, top_p: 0.9 }
const SEED = 7

export const runDemo: Run<typeof demoCommand> = async ({ options }) => {
  const paint = paintFor(hasColor())
  const width = Math.min(100, process.stdout.columns ?? 100)
  const out = options.json ? process.stderr : process.stdout
  const turns = Number(options.turns ?? 4)
  if (turns > SAYS.length) {
    throw new LayerlineError('usage/arguments', `--turns ${turns}: expected at most ${SAYS.length}`)
  }
  const starting = engineProgress(process.stderr, options.quiet)
  const name = (options.engine ?? DEFAULT_ENGINE) as EngineName
  const { install, start } = ENGINES[name]
  // What installs it is not what is looked at.
  if (options.os !== undefined) await install({ onProgress: starting.show })
  const os = options.os === undefined ? null : await watchEngineStart(name, options.probes)
  const engine = await start({
    onProgress: starting.show,
    signal: interruption.signal,
    ...(options.model === undefined ? {} : { model: options.model }),
  })
    .catch(async (error: unknown) => {
      await os?.stop()
      throw error
    })
    .finally(starting.done)
  const sealing = progressLine(process.stderr, options.quiet)
  // Only now: while the engine is installed and loaded there is nothing to seal, and Ctrl-C ends the program.
  const stop = new StopSignal().install()
  try {
    const target = resolveTarget({ url: engine.url })
    const server = await probeServer(target, engine.model)
    const says = SAYS.slice(0, turns)
    const common = { model: engine.model, sampling: SAMPLING, seed: SEED }
    if (!options.quiet) out.write(`${paint.dim(`${engine.model}, ${engine.version}, on this machine`)}\n`)
    const gpu = await prepareGpu({ kind: 'auto' }, { periodMs: 100, gpus: [] })
    const run = await runRequests(
      {
        command: 'demo',
        out: options.out,
        config: { turns, max_tokens: MAX_TOKENS },
        sampling: { ...SAMPLING, seed: `${SEED} + request_id` },
        seed: SEED,
        target,
        server,
        model: engine.model,
        engine: {
          arguments: engine.arguments,
          model_sha256: engine.modelSha256,
          pid: engine.pid,
          same_host: true,
          version: server.version ?? engine.version,
        },
        sampleMs: 100,
        keepTexts: true,
        keepTokenIds: false,
        sources: [
          ...(gpu?.problem === null ? [gpu] : []),
          ...(engine.stepLog === null ? [] : [prepareStepLog(engine.stepLog)]),
          ...(os === null ? [] : [os]),
        ],
        plannedRequests: 1 + turns,
        offerer: closedGroups([
          usersOf([warmup(engine.model)], 1),
          [conversation({ says, system: SYSTEM, ...common, maxTokens: MAX_TOKENS, firstRequestId: 1 })],
        ]),
      },
      stop,
      {
        ...(options.quiet ? {} : demoTalk(out, says, paint, width)),
        sealing: ({ table, done, total }) => sealing.show(`sealing ${table}`, done / total),
        analysing: () => sealing.show('analysing', null),
      },
    )
    sealing.clear()
    if (options.json) process.stdout.write(`${JSON.stringify(run.report, null, 2)}\n`)
    else if (options.quiet) process.stdout.write(`${run.folder}\n`)
    else process.stdout.write(demoText(run.report, { width, color: paint }) + nextSteps(run.folder, paint.bold))
    if (run.interrupted) return EXIT.interrupted
    return run.report.offered.ok === 0 ? EXIT.badVerdict : EXIT.done
  } finally {
    sealing.clear()
    await os?.stop()
    await engine.stop()
    stop.release()
  }
}

/** The first request of a process pays for compiling this client's own code: it is kept and does not count. */
function warmup(model: string): Draft {
  return {
    requestId: 0,
    promptId: 'warm-up',
    prompt: [{ role: 'user', content: 'Count to three.' }],
    maxTokens: 16,
    model,
    sampling: SAMPLING,
    seed: SEED,
    phase: 'warmup',
    repeat: 0,
    attrs: null,
    stream: true,
  }
}

function nextSteps(folder: string, bold: (text: string) => string): string {
  const name = programName()
  const below = relative(process.cwd(), folder)
  const run = below.startsWith('..') ? folder : below
  const steps = [
    `${name} serve ${run}`,
    `${name} report ${run}`,
    `${name} sql ${run} "FROM chunks LIMIT 20"`,
    `${name} trace --prompts samples/prompts.csv --url http://HOST:8000`,
  ]
  return `\nnext: the run in the browser, the whole report, every token as a row, a server of your own\n${steps.map((line) => `  ${bold(line)}\n`).join('')}`
}
