import { once } from 'node:events'
import { chmodSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { streamNumbers } from '../read/number-batches.ts'
import { frameOf, LAST_FRAME } from '../read/number-frames.ts'
import { streamSelect } from '../read/sql-rows.ts'

export interface RecorderServer {
  close(): void
}

/** Does something with a connection to the live database, which is closed behind it. */
export type ReadLive = (work: (connection: DuckDBConnection) => Promise<void>) => Promise<void>

const MAX_SQL_BYTES = 1 << 20
/** Each query holds one of the process's four worker threads, which commits, DNS and gzip need too. */
const MOST_QUERIES = 2

/**
 * Lets others read a run while it is recorded, on a Unix socket that only this user may open: GET /run gives
 * run.json, POST /sql streams a SELECT as NDJSON, the column names first, then a row a line, then `{"done":n}`
 * or `{"error":…}`, so that a cut answer is not taken for a whole one. POST /numbers streams one of numbers as frames of bytes.
 */
export async function serveRecorder(read: ReadLive, folder: string, socket: string): Promise<RecorderServer> {
  rmSync(socket, { force: true })
  const server = createServer((request, response) => {
    void answer(read, folder, request, response).catch((error: unknown) => response.destroy(error as Error))
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
  read: ReadLive,
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'GET' && request.url === '/run') {
    response.end(readFileSync(join(folder, 'run.json')))
  } else if (request.method === 'POST' && request.url === '/sql') {
    await answerSql(read, await bodyOf(request), response)
  } else if (request.method === 'POST' && request.url === '/numbers') {
    await answerSql(read, await bodyOf(request), response, writeNumbers)
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

/** Writes a part of an answer; whether there is still somebody who wants more, once there is room for it. */
type Write = (part: string | Buffer) => Promise<boolean>

async function answerSql(read: ReadLive, sql: string, response: ServerResponse, answerIt = writeRows): Promise<void> {
  if (running >= MOST_QUERIES) {
    const error = `the recorder answers ${MOST_QUERIES} queries at a time`
    response.end(`${JSON.stringify({ error, hint: 'ask again when another reader is done' })}\n`)
    return
  }
  running++
  try {
    await read(async (connection) => {
      let answering = true
      const gone = new Promise<void>((resolve) => response.once('close', resolve)).then(() => {
        if (answering) connection.interrupt()
      })
      try {
        await connection.run('BEGIN TRANSACTION READ ONLY')
        await answerIt(connection, sql, async (part) => {
          const open = response.write(part)
          if (!open && !response.destroyed) await Promise.race([once(response, 'drain'), gone])
          return !response.destroyed
        })
      } finally {
        answering = false
      }
    })
    response.end()
  } catch (error) {
    const hint = error instanceof LayerlineError ? error.hint : undefined
    response.end(`${JSON.stringify({ error: errorText(error), hint })}\n`)
  } finally {
    running--
  }
}

async function writeRows(connection: DuckDBConnection, sql: string, write: Write): Promise<void> {
  const stream = await streamSelect(connection, sql)
  if (!(await write(`${JSON.stringify(stream.columns)}\n`))) return
  let rows = 0
  for await (const batch of stream.batches()) {
    rows += batch.length
    if (!(await write(batch.map((row) => `${JSON.stringify(row)}\n`).join('')))) return
  }
  await write(`${JSON.stringify({ done: rows })}\n`)
}

async function writeNumbers(connection: DuckDBConnection, sql: string, write: Write): Promise<void> {
  for await (const batch of streamNumbers(connection, sql)) if (!(await write(frameOf(batch)))) return
  await write(LAST_FRAME)
}
