import { type AddressInfo, createServer } from 'node:net'
import { errorCode, errorText, LayerlineError } from '../../../base/errors.ts'

/** A port that is free now: the one asked for, or any where that is 0. Throws usage/port where it is not to be had. */
export async function freePort(host: string, port: number): Promise<number> {
  return new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => reject(errorCode(error) === 'EADDRINUSE' ? portTaken(host, port) : unusable(error)))
    server.listen(port, host, () => {
      const { port: bound } = server.address() as AddressInfo
      server.close(() => resolve(bound))
    })
  })

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
