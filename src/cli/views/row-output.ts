import type { Writable } from 'node:stream'
import { drained } from '../../base/bounded-wait.ts'
import { withoutControls } from '../../dashboard/text/text.ts'
import type { RowStream, SqlValue } from '../../store/read/run-reader.ts'

/** Rows looked at to choose the widths of a table's columns. */
const SAMPLE_ROWS = 500
const MAX_CELL = 60

async function put(out: Writable, text: string): Promise<void> {
  if (!out.write(text)) await drained(out)
}

/** An array of objects, one row per line; the array is closed only after the last row. */
export async function writeJson(rows: RowStream, out: Writable): Promise<void> {
  let separator = '[\n'
  for await (const batch of rows.batches()) {
    let text = ''
    for (const row of batch) {
      text += separator + JSON.stringify(Object.fromEntries(rows.columns.map((name, i) => [name, row[i]])))
      separator = ',\n'
    }
    await put(out, text)
  }
  await put(out, separator === '[\n' ? '[]\n' : '\n]\n')
}

/** RFC 4180 with a header; NULL is an empty field. On a terminal, fields are shown without what would steer it. */
export async function writeCsv(rows: RowStream, out: Writable): Promise<void> {
  const field = 'isTTY' in out && out.isTTY === true ? shownField : csvField
  await put(out, `${rows.columns.map(field).join(',')}\n`)
  for await (const batch of rows.batches()) {
    await put(out, batch.map((row) => `${row.map(field).join(',')}\n`).join(''))
  }
}

function shownField(value: SqlValue): string {
  return csvField(typeof value === 'string' ? withoutControls(value) : value)
}

export function csvField(value: SqlValue): string {
  if (value === null) return ''
  const text = String(value)
  return /[",\r\n]/.test(text) || text === '' ? `"${text.replaceAll('"', '""')}"` : text
}

/** Aligned columns for reading: numbers to the right, long texts cut; widths come from the first rows. */
export async function writeTable(rows: RowStream, out: Writable): Promise<void> {
  const batches = rows.batches()
  const sample: SqlValue[][] = []
  let next = await batches.next()
  while (!next.done) {
    sample.push(...next.value)
    if (sample.length >= SAMPLE_ROWS) break
    next = await batches.next()
  }
  const columns = rows.columns.map((name, i) => ({
    name: cell(name),
    right: sample.length > 0 && sample.every((row) => row[i] === null || typeof row[i] === 'number'),
    width: Math.max(name.length, ...sample.slice(0, SAMPLE_ROWS).map((row) => cell(row[i] ?? null).length)),
  }))
  const line = (cells: readonly string[]) =>
    `${columns.map(({ width, right }, i) => (right ? (cells[i] ?? '').padStart(width) : (cells[i] ?? '').padEnd(width))).join('  ')}`.trimEnd()
  const lines = (batch: readonly SqlValue[][]) => batch.map((row) => `${line(row.map(cell))}\n`).join('')
  await put(
    out,
    `${line(columns.map(({ name }) => name))}\n${columns.map(({ width }) => '─'.repeat(width)).join('  ')}\n${lines(sample)}`,
  )
  let count = sample.length
  for await (const batch of batches) {
    count += batch.length
    await put(out, lines(batch))
  }
  await put(out, `(${count} ${count === 1 ? 'row' : 'rows'})\n`)
}

function cell(value: SqlValue): string {
  if (value === null) return '·'
  const text =
    typeof value === 'number' && !Number.isInteger(value) ? String(Number(value.toPrecision(12))) : String(value)
  const oneLine = text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
  return oneLine.length > MAX_CELL ? `${oneLine.slice(0, MAX_CELL - 1)}…` : oneLine
}
