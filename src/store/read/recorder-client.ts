import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { errorCode, LayerlineError } from '../../base/errors.ts'
import { parseRunJson } from '../../trace/run-json.ts'
import { batchesOfFrames } from './number-frames.ts'
import type { RowStream, SqlValue, StreamingReader } from './run-reader.ts'
import { collectRows } from './sql-rows.ts'

const BATCH_ROWS = 1024
/** A recorder that is alive answers at once; one that is stopped never does. */
const ANSWER_MS = 10_000

/** A reader that asks a run's recorder; null where nobody answers on its socket. */
export async function openLiveRun(folder: string, socket: string): Promise<StreamingReader | null> {
  let text: string
  try {
    text = await bodyOf(await call(socket, 'GET', '/run', undefined, ANSWER_MS))
  } catch (error) {
    if (['ECONNREFUSED', 'ENOENT', 'EACCES', 'ETIMEDOUT'].includes(errorCode(error) ?? '')) return null
    throw error
  }
  const run = parseRunJson(text, `${folder}/run.json`)
  const stream = (sql: string) => streamSql(socket, sql)
  return {
    folder,
    run,
    stream,
    query: async (sql) => collectRows(await stream(sql)),
    async *numbers(sql) {
      yield* batchesOfFrames(await call(socket, 'POST', '/numbers', sql), cutShort)
    },
    close: async () => {},
  }
}

async function streamSql(socket: string, sql: string): Promise<RowStream> {
  const lines = createInterface({
    input: await call(socket, 'POST', '/sql', sql),
    crlfDelay: Number.POSITIVE_INFINITY,
  })[Symbol.asyncIterator]()
  const first = await lines.next()
  if (first.done) throw cutShort()
  const head: unknown = JSON.parse(first.value)
  if (!Array.isArray(head)) throw errorOf(head)
  return { columns: head as string[], batches: () => batchesOf(lines) }
}

async function* batchesOf(lines: AsyncIterator<string>): AsyncGenerator<SqlValue[][]> {
  let batch: SqlValue[][] = []
  for (;;) {
    const next = await lines.next()
    if (next.done) throw cutShort()
    const line: unknown = JSON.parse(next.value)
    if (Array.isArray(line)) {
      batch.push(line as SqlValue[])
      if (batch.length < BATCH_ROWS) continue
      yield batch
      batch = []
    } else {
      if (batch.length > 0) yield batch
      if (typeof line === 'object' && line !== null && 'done' in line) return
      throw errorOf(line)
    }
  }
}

function errorOf(line: unknown): LayerlineError {
  const { error, hint } = line as { error?: string; hint?: string }
  return new LayerlineError('usage/sql', error ?? 'the recorder gave no answer', hint === undefined ? {} : { hint })
}

function cutShort(): LayerlineError {
  return new LayerlineError('unreachable/recorder', 'the recorder ended before its answer did', {
    hint: 'the run was probably sealed meanwhile: ask again',
  })
}

function call(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  timeoutMs = 0,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path }, resolve)
    sent.on('error', reject)
    if (timeoutMs > 0) {
      const late = Object.assign(new Error('the recorder does not answer'), { code: 'ETIMEDOUT' })
      sent.setTimeout(timeoutMs, () => sent.destroy(late))
    }
    sent.end(body)
  })
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const part of response) text += part
  return text
}
