import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { settledBy } from '../../../base/bounded-wait.ts'
import { LayerlineError } from '../../../base/errors.ts'
import { builtFile } from '../../../base/package-files.ts'
import type { CacheLayout } from '../../care/install/cache.ts'
import { createLog, lastLogLine } from '../../care/process/log-file.ts'
import { portTaken } from '../../care/process/port.ts'
import type { OnProgress } from '../../care/progress.ts'
import { ENGINE } from '../install/pins.ts'
import { type ServerArguments, serverArgv } from './server-arguments.ts'
import type { ServerMessage } from './server-main.ts'

/** Starts the engine's process; its stderr is the log. */
export function spawnServer(options: ServerArguments, layout: CacheLayout, env: NodeJS.ProcessEnv) {
  const { path: log, file } = createLog(layout, ENGINE.name)
  const main = fileURLToPath(builtFile('src/engines/llamacpp/serving/server-main'))
  try {
    const child = spawn(process.execPath, [main, ...serverArgv(options)], {
      stdio: [options.detached ? 'ignore' : 'pipe', 'pipe', file],
      detached: options.detached,
      env,
    })
    return { child, log }
  } finally {
    closeSync(file)
  }
}

export type Ready = Extract<ServerMessage, { event: 'ready' }>

/** Resolves when the model is loaded; rejects with the engine's reason, or the last line of its log. */
export async function whenReady(
  child: ChildProcess,
  options: ServerArguments,
  log: string,
  onProgress: OnProgress,
): Promise<Ready> {
  const { stdout } = child
  if (stdout === null) throw new Error('the engine was started without a pipe for its stdout')
  return settledBy<Ready>("its word, its end, or the caller's limit (`notReady`)", (resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) => {
      const message = lastLogLine(log) || `its process ended with ${code ?? signal}`
      reject(startFailure({ code: '', message }, options, log))
    }
    const lines = createInterface({ input: stdout })
    lines.on('line', (line) => {
      const message = JSON.parse(line) as ServerMessage
      if (message.event === 'load') {
        const text = `loading ${options.name}`
        onProgress({ name: 'load', done: message.ratio, total: 1, unit: 'ratio', text })
      } else if (message.event === 'ready') {
        resolve(message)
        child.off('exit', onExit)
        lines.close()
        // No more messages follow; a detached engine must not keep this process alive.
        stdout.destroy()
      } else reject(startFailure(message, options, log))
    })
    child.once('error', reject)
    child.once('exit', onExit)
  })
}

/** The error of an engine that neither answers nor ends. */
export function notReady(options: ServerArguments, log: string, afterMs: number): LayerlineError {
  return startFailure({ code: '', message: `it was not ready within ${afterMs / 60_000} minutes` }, options, log)
}

function startFailure({ code, message }: { code: string; message: string }, options: ServerArguments, log: string) {
  if (code === 'EADDRINUSE') return portTaken(options.host, options.port)
  return new LayerlineError('missing/engine', `The engine did not start with ${options.model}: ${message}`, {
    hint: `The engine's log: ${log}`,
  })
}
