import { once } from 'node:events'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { DuckDBInstance } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { streamSelect } from '../read/sql-rows.ts'

export interface RecorderServer {
  close(): void
}

const MAX_SQL_BYTES = 1 << 20
/** Each query holds one of the process's four worker threads, which commits, DNS and gzip need too. */
const MOST_QUERIES = 2

/**
 * Lets others read a run while it is recorded, on a Unix socket that only this user may open: GET /run gives
 * run.json, POST /sql streams a SELECT as NDJSON, the column names first, then a row a line, then `{"done":n}`
 * or `{"error":…}`, so that a cut answer is not taken for a whole one.
 */
export async function serveRecorder(instance: DuckDBInstance, folder: string, socket: string): Promise<RecorderServer> {
  rmSync(socket, { force: true })
  const server = createServer((request, response) => {
    void answer(instance, folder, request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  chmodSync(socket, 0o600)
  server.unref()
  return {
    close() {
      server.close()
      server.closeAllConnections()
      rmSync(socket, { force: true })
    },
  }
}

async function answer(
  instance: DuckDBInstance,
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET' && request.url === '/run') {
    response.end(readFileSync(join(folder, 'run.json')))
  } else if (request.method === 'POST' && request.url === '/sql') {
    await answerSql(instance, await bodyOf(request), response)
  } else {
    response.writeHead(404).end()
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length
    if (bytes > MAX_SQL_BYTES) throw new LayerlineError('usage/sql', 'the query is longer than 1 MiB')
    parts.push(part)
  }
  return Buffer.concat(parts).toString('utf8')
}

let running = 0

async function answerSql(instance: DuckDBInstance, sql: string, response: ServerResponse): Promise<void> {
  if (running >= MOST_QUERIES) {
    const error = `the recorder answers ${MOST_QUERIES} queries at a time`
    response.end(`${JSON.stringify({ error, hint: 'ask again when another reader is done' })}\n`)
    return
  }
  running++
  const connection = await instance.connect()
  let answering = true
  const gone = new Promise<void>((resolve) => response.once('close', resolve)).then(() => {
    if (answering) connection.interrupt()
  })
  try {
    await connection.run('BEGIN TRANSACTION READ ONLY')
    const stream = await streamSelect(connection, sql)
    response.write(`${JSON.stringify(stream.columns)}\n`)
    let rows = 0
    for await (const batch of stream.batches()) {
      rows += batch.length
      const open = response.write(batch.map((row) => `${JSON.stringify(row)}\n`).join(''))
      if (response.destroyed) return
      if (!open) await Promise.race([once(response, 'drain'), gone])
    }
    response.end(`${JSON.stringify({ done: rows })}\n`)
  } catch (error) {
    const hint = error instanceof LayerlineError ? error.hint : undefined
    response.end(`${JSON.stringify({ error: errorText(error), hint })}\n`)
  } finally {
    answering = false
    running--
    connection.closeSync()
  }
}
