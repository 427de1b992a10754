import type { RunReader } from '../../../store/read/run-reader.ts'

const MOST = 100_000
const LONGEST = 300

/** Names by their ids, as far as they were asked for; long ones are cut. */
export class NameBook {
  private readonly known = new Map<number, string>()
  private readonly reader: RunReader

  constructor(reader: RunReader) {
    this.reader = reader
  }

  async of(ids: Iterable<number>): Promise<Record<number, string>> {
    const wanted = [...new Set(ids)]
    const missing = wanted.filter((id) => !this.known.has(id))
    if (this.known.size + missing.length > MOST) this.known.clear()
    const unknown = wanted.filter((id) => !this.known.has(id))
    for (let from = 0; from < unknown.length; from += 5000) {
      const part = unknown.slice(from, from + 5000)
      const rows = await this.reader.query(
        `SELECT id, left(text, ${LONGEST}) AS text FROM strings WHERE id IN (${part.join(', ')})`,
      )
      for (const row of rows) this.known.set(Number(row.id), String(row.text))
    }
    return Object.fromEntries(wanted.map((id) => [id, this.known.get(id) ?? '']))
  }
}
