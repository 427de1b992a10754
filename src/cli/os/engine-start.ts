import type { ColdStart } from '../../analysis/os/cold-start.ts'
import { LayerlineError } from '../../base/errors.ts'
import { reportText } from '../../dashboard/report/report-view.ts'
import { printable } from '../../dashboard/text/text.ts'
import type { Engine } from '../../engines/care/engine.ts'
import type { EngineName } from '../../engines/engine-names.ts'
import { recordOs } from '../../session/os-run.ts'
import { JsonApi } from '../../session/prompt-sets/json-api.ts'
import { type OsSource, prepareOs } from '../../sources/os/os-source.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import { hasColor } from '../views/print-report.ts'
import { engineLibraries } from './engine-libraries.ts'

/** A first answer may wait for what an engine compiles. */
const FIRST_ANSWER_MS = 300_000

/** Attached before the engine begins: what this process starts from now on is looked at. */
export function watchEngineStart(name: EngineName, probes: readonly string[] | undefined): Promise<OsSource> {
  return prepareOs({
    target: { kind: 'processes', pids: [], childrenOf: process.pid },
    libraries: engineLibraries(name),
    probes,
  })
}

export interface EngineStartOptions {
  readonly probes: readonly string[] | undefined
  readonly out: string | undefined
  readonly quiet: boolean
  /** The report is not printed: it is what is returned. */
  readonly json: boolean
}

/** Starts an installed engine and records what the kernel sees of it, until it has answered its first request. */
export async function recordEngineStart(
  name: EngineName,
  options: EngineStartOptions,
  start: () => Promise<Engine>,
): Promise<{ engine: Engine; run: string; coldStarts: readonly ColdStart[] }> {
  const source = await watchEngineStart(name, options.probes)
  const note = (text: string): void => {
    if (!options.quiet) process.stderr.write(`${printable(text)}\n`)
  }
  if (source.problem !== null) note(source.problem)
  const started: { engine?: Engine } = {}
  const { folder, report } = await recordOs({
    command: 'os',
    out: options.out,
    config: { engine: name, probes: options.probes ?? null },
    source,
    watch: async () => {
      started.engine = await start()
      await firstAnswer(started.engine).catch((error: LayerlineError) =>
        note(`the first request failed: ${error.message}`),
      )
      return 0
    },
    note,
  })
  if (!options.quiet && !options.json) {
    process.stderr.write(`\n${reportText(report, { width: process.stderr.columns ?? 100, color: hasColor() })}\n`)
  }
  if (started.engine === undefined) throw new Error('a run without its engine')
  return { engine: started.engine, run: folder, coldStarts: report.os?.cold_starts ?? [] }
}

/** Engines make their first forward pass for the first request; where it ends, only the second one tells of PyTorch. */
async function firstAnswer(engine: Engine): Promise<void> {
  const api = new JsonApi(resolveTarget({ url: engine.url }), 1)
  try {
    const asked = { model: engine.model, messages: [{ role: 'user', content: 'Hello' }], max_tokens: 3 }
    const { status, message } = await api.post('/v1/chat/completions', asked, FIRST_ANSWER_MS)
    if (status !== 200) throw new LayerlineError('unreachable/server', `${status} ${message}`)
  } finally {
    api.close()
  }
}
