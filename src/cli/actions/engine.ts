import { EXIT, LayerlineError } from '../../base/errors.ts'
import { interruption } from '../../base/interruption.ts'
import type { EngineStatus, StartOptions } from '../../engines/care/engine.ts'
import { stopEngine } from '../../engines/care/process/running-engines.ts'
import { DEFAULT_ENGINE, ENGINE_NAMES, type EngineName } from '../../engines/engine-names.ts'
import { ENGINES, type EngineInCare, listEngines } from '../../engines/engines.ts'
import type { Run } from '../command.ts'
import type { engineCommand } from '../commands/engine.ts'
import { recordEngineStart } from '../os/engine-start.ts'
import { engineProgress } from '../views/engine-progress.ts'

export const runEngine: Run<typeof engineCommand> = async ({ arguments: [action, name], options }) => {
  if (action === 'list') return list(options.json)
  if (action === 'stop') return stop(name, options.json)
  const { install, start, sendsSpans }: EngineInCare = ENGINES[engineNamed(name)]
  if (options['otlp-endpoint'] !== undefined && !sendsSpans) {
    const senders = ENGINE_NAMES.filter((each) => ENGINES[each].sendsSpans).join(', ')
    throw new LayerlineError('usage/engine', `--otlp-endpoint: only ${senders} sends spans, not ${engineNamed(name)}`)
  }
  const progress = engineProgress(process.stderr, options.quiet)
  try {
    if (action === 'install') {
      const installed = await install({ onProgress: progress.show })
      progress.done()
      process.stdout.write(
        options.json
          ? `${JSON.stringify(installed)}\n`
          : `installed: ${installed.engineFolder}\nmodel: ${installed.modelPath}\n`,
      )
      return EXIT.done
    }
    const port = options.port ?? 8080
    refuseOwnPort(port)
    const given: StartOptions = {
      port,
      detached: true,
      signal: interruption.signal,
      onProgress: progress.show,
      ...(options.model === undefined ? {} : { model: options.model }),
      ...(options.sequences === undefined ? {} : { sequences: options.sequences }),
      ...(options['context-tokens'] === undefined ? {} : { contextTokens: options['context-tokens'] }),
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(options['otlp-endpoint'] === undefined ? {} : { otlpEndpoint: options['otlp-endpoint'] }),
    }
    // What installs it is not what is looked at.
    if (options.os !== undefined) await install({ onProgress: progress.show })
    const seen =
      options.os === undefined
        ? null
        : await recordEngineStart(engineNamed(name), options, () => start(given).finally(progress.done))
    const engine = seen?.engine ?? (await start(given))
    progress.done()
    const { stop: _, ...facts } = engine
    const recorded = seen === null ? {} : { run: seen.run, cold_starts: seen.coldStarts }
    const run = seen === null ? '' : `run: ${seen.run}\n`
    process.stdout.write(
      options.json
        ? `${JSON.stringify({ ...facts, ...recorded })}\n`
        : `${engine.model} at ${engine.url} (pid ${engine.pid}); log: ${engine.log}\n${run}`,
    )
    return EXIT.done
  } finally {
    progress.done()
  }
}

function engineNamed(name: string = DEFAULT_ENGINE): EngineName {
  const known = ENGINE_NAMES.find((engine) => engine === name)
  if (known !== undefined) return known
  throw new LayerlineError('usage/engine', `no engine ${name}; expected ${ENGINE_NAMES.join(' or ')}`)
}

/** A second `start` on one port reports the first engine, not some other program. */
function refuseOwnPort(port: number): void {
  const own = listEngines().flatMap(({ running }) => running.filter((engine) => engine.port === port))[0]
  if (own === undefined) return
  throw new LayerlineError(
    'usage/port',
    `Port ${port} is in use by ${own.name} with ${own.model}, at ${own.url} (pid ${own.pid})`,
    {
      hint: `use it as it is, or \`layerline engine stop ${port}\`, or take another port: --port 0 finds a free one`,
    },
  )
}

async function stop(nameOrPort: string | undefined, json: boolean): Promise<0> {
  const port = /^\d+$/.test(nameOrPort ?? '') ? Number(nameOrPort) : undefined
  if (port === undefined) engineNamed(nameOrPort)
  // Nothing is running: what was asked for is so.
  const none = listEngines().every(({ running }) => running.length === 0)
  const stopped = none ? [] : await stopEngine(port ?? nameOrPort)
  const lines = stopped.map(({ name, url, pid }) => `stopped ${name} at ${url} (pid ${pid})`)
  process.stdout.write(json ? `${JSON.stringify(stopped)}\n` : `${lines.join('\n') || 'no engine was running'}\n`)
  return EXIT.done
}

function list(json: boolean): 0 {
  const engines = listEngines()
  if (json) process.stdout.write(`${JSON.stringify(engines, null, 2)}\n`)
  else for (const engine of engines) process.stdout.write(describe(engine))
  return EXIT.done
}

function describe(engine: EngineStatus): string {
  const state =
    engine.unsupported ??
    (engine.installed
      ? `installed, ${mb(engine.engineBytes)}`
      : `not installed: layerline engine install ${engine.name}`)
  const model = engine.model.installed ? `installed, ${mb(engine.model.bytes)}` : 'not installed'
  const running = engine.running.map(
    ({ url, model: served, pid, uptimeS }) => `  ${served} at ${url}, pid ${pid}, up ${uptimeS} s\n`,
  )
  return `${engine.name} ${engine.version}: ${state}\n  ${engine.model.name}: ${model}\n${running.join('') || '  not running\n'}`
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`
}
