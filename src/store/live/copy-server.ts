import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { listening } from '../../base/bounded-wait.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import type { Segments } from './segments.ts'

/** Makes a copy for a reader, which keeps it until the reader asks again or is released. */
export interface Copies {
  take(reader: object): Promise<Segments>
  release(reader: object): void
}

/** What a reader sends for a copy. */
export const ASK = 'copy\n'
/** While a copy is made, an empty line is sent this often to show that the recorder is alive. */
const PATIENCE_MS = 1000
const MOST_READERS = 32

/** The answer to a reader, a line of JSON. */
export type CopyAnswer = { segments: Segments } | { error: string; code: string; hint: string | null }

export interface CopyServer {
  close(): void
}

/**
 * Gives readers copies of what is recorded, on a Unix socket that only this user may open. Readers' queries do not run
 * here: they run over the files that the answer names. A copy stays until its reader asks again or closes the
 * connection.
 */
export async function serveCopies(copies: Copies, folder: string, path: string): Promise<CopyServer> {
  rmSync(path, { force: true })
  const readers = new Set<Socket>()
  const server = createServer((socket) => {
    readers.add(socket)
    socket.on('close', () => {
      readers.delete(socket)
      copies.release(socket)
    })
    socket.on('error', () => socket.destroy())
    serve(socket, copies)
  })
  server.maxConnections = MOST_READERS
  await listening(server, () => server.listen(path))
  chmodSync(path, 0o600)
  server.unref()
  return {
    close() {
      server.close()
      for (const socket of readers) socket.destroy()
      rmSync(path, { force: true })
      if (dirname(path) !== folder) rmSync(dirname(path), { recursive: true, force: true })
    },
  }
}

function serve(socket: Socket, copies: Copies): void {
  let text = ''
  let busy = false
  socket.setEncoding('latin1')
  socket.on('data', (part: string) => {
    text += part
    // A client that sends anything else, or asks again before the answer, is not a Layerline reader.
    if (busy || !ASK.startsWith(text)) return void socket.destroy()
    if (text !== ASK) return
    text = ''
    busy = true
    const waiting = setInterval(() => socket.write('\n'), PATIENCE_MS)
    void answer(copies, socket).then((said) => {
      clearInterval(waiting)
      busy = false
      if (socket.destroyed) copies.release(socket)
      else socket.write(`${JSON.stringify(said)}\n`)
    })
  })
}

async function answer(copies: Copies, socket: Socket): Promise<CopyAnswer> {
  try {
    return { segments: await copies.take(socket) }
  } catch (error) {
    const known = error instanceof LayerlineError
    return {
      error: errorText(error),
      code: known ? error.code : 'internal/store',
      hint: known ? (error.hint ?? null) : null,
    }
  }
}
