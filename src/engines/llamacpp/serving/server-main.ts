import type { AddressInfo } from 'node:net'
import { listening } from '../../../base/bounded-wait.ts'
import { errorCode, errorText } from '../../../base/errors.ts'
import { loadModel } from './engine-model.ts'
import { createEngineServer } from './http/server.ts'
import { parseServerArguments } from './server-arguments.ts'

/** What the engine's process tells its parent, one JSON line each. */
export type ServerMessage =
  | { event: 'load'; ratio: number }
  | { event: 'ready'; port: number; maxModelLen: number }
  | { event: 'failed'; code: string; message: string }

/** The engine reports every tensor that it loads. */
const LOAD_STEP = 0.05

function tell(message: ServerMessage): void {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function main(): Promise<void> {
  const options = parseServerArguments(process.argv.slice(2))
  // The stdout of an engine whose parent is gone has no reader.
  process.stdout.on('error', () => {})
  if (!options.detached) {
    process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0))
    process.stdin.resume()
  }
  process.on('SIGTERM', () => process.exit(0))
  // Ctrl-C reaches the parent's whole group, and the parent still needs its last answers.
  process.on('SIGINT', () => options.detached && process.exit(0))
  const { server, serve } = createEngineServer(options)
  await listening(server, () => server.listen(options.port, options.host))
  let told = -1
  const model = await loadModel(options, (ratio) => {
    if (ratio - told < LOAD_STEP && ratio < 1) return
    told = ratio
    tell({ event: 'load', ratio })
  })
  serve(model)
  tell({ event: 'ready', port: (server.address() as AddressInfo).port, maxModelLen: model.maxModelLen })
}

await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`)
  process.stdout.write(
    `${JSON.stringify({ event: 'failed', code: errorCode(error) ?? '', message: errorText(error) } satisfies ServerMessage)}\n`,
    () => process.exit(1),
  )
})
