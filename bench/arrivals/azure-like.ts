import { type FileHandle, open } from 'node:fs/promises'
import { randomStream } from '../../src/base/random-stream.ts'

const FLUSH_CHARS = 1 << 20
/** 2024-05-12, when Azure's week begins. */
const START_MS = Date.UTC(2024, 4, 12)
const US_A_DAY = 86_400e6

export interface AzureLike {
  readonly rows: number
  readonly seed: number
  /** Arrivals a second; Poisson. */
  readonly rate: number
  /** Every so many rows one is written that came earlier; 0: sorted. */
  readonly lateEvery?: number
}

/** What was written, counted by who wrote it. */
export interface Written {
  readonly rows: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly spanUs: number
}

/** Writes a CSV as Azure's of 2024: `+00:00`, fractions of six digits, and none where it is zero. */
export async function writeAzureLike(path: string, { rows, seed, rate, lateEvery = 0 }: AzureLike): Promise<Written> {
  const random = randomStream('azure-like', seed)
  const file = await open(path, 'w')
  try {
    return await writeRows(file)
  } finally {
    await file.close()
  }

  async function writeRows(out: FileHandle): Promise<Written> {
    let text = 'TIMESTAMP,ContextTokens,GeneratedTokens\n'
    let tUs = 0
    let first = Number.POSITIVE_INFINITY
    let last = 0
    let inputTokens = 0
    let outputTokens = 0
    let day = -1
    let date = ''
    for (let i = 0; i < rows; i++) {
      tUs += Math.ceil((-Math.log(1 - random.uniform()) / rate) * 1e6)
      const isLate = lateEvery > 0 && i % lateEvery === lateEvery - 1
      const at = isLate ? Math.max(0, tUs - 3_000_000) : tUs
      const input = 1 + random.below(8000)
      const output = 1 + random.below(800)
      first = Math.min(first, at)
      last = Math.max(last, at)
      inputTokens += input
      outputTokens += output
      const ofDay = at % US_A_DAY
      const atDay = (at - ofDay) / US_A_DAY
      if (atDay !== day) {
        day = atDay
        date = new Date(START_MS + day * 86_400_000).toISOString().slice(0, 10)
      }
      text += `${date} ${clock(ofDay)}+00:00,${input},${output}\n`
      if (text.length > FLUSH_CHARS) {
        await out.write(text)
        text = ''
      }
    }
    await out.write(text)
    return { rows, inputTokens, outputTokens, spanUs: last - first }
  }
}

function clock(us: number): string {
  const seconds = Math.floor(us / 1e6)
  const fraction = us % 1e6
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return fraction === 0 ? time : `${time}.${String(fraction).padStart(6, '0')}`
}

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value)
}
