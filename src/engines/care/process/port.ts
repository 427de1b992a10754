import { type AddressInfo, createServer } from 'node:net'
import { listening } from '../../../base/bounded-wait.ts'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'

/** A port that is free now: the requested one, or any if that is 0. Throws usage/port if it is not free. */
export async function freePort(host: string, port: number): Promise<number> {
  const server = createServer()
  try {
    await listening(server, () => server.listen(port, host))
  } catch (error) {
    throw errorCode(error) === 'EADDRINUSE' ? portTaken(host, port) : unusable(error as Error)
  }
  const { port: bound } = server.address() as AddressInfo
  return new Promise((resolve) => server.close(() => resolve(bound)))

  function unusable(error: Error): LayerlineError {
    return new LayerlineError('usage/port', `Cannot listen on ${host}:${port}: ${errorText(error)}.`, {
      hint: 'Choose another address or --port.',
      cause: error,
    })
  }
}

/** The error of an engine whose port belongs to another program. */
export function portTaken(host: string, port: number): LayerlineError {
  return new LayerlineError('usage/port', `Port ${port} on ${host} is in use by another program.`, {
    hint: 'Choose another with --port, or --port 0 for a free one; `layerline engine list` shows running engines.',
  })
}
