import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPacedServer } from '../paced-server/start.ts'
import { killedRecording, REGIMES } from './killed-recording.ts'
import { WORK, type Work, WorkKills } from './killed-work.ts'

interface Summary {
  readonly what: string
  readonly kills: number
  readonly figures: Readonly<Record<string, number>>
  readonly loadBefore: number
}

/**
 * `npm run test:kills -- [--only NAME,…] [--kills N] [--results FILE]`: kills recorders, seals, recoveries and imports at random moments and says
 * what each cost; exit code 1 where a promise is broken. `--results` adds a line of JSON a kill to a file.
 */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      kills: { type: 'string' },
      results: { type: 'string' },
    },
  })
  const names = values.only?.split(',') ?? [...Object.keys(REGIMES), ...WORK]
  const unknown = names.find((name) => !(name in REGIMES) && !WORK.includes(name as Work))
  if (unknown !== undefined) {
    process.stderr.write(
      `kills: --only ${unknown}: expected some of ${[...Object.keys(REGIMES), ...WORK].join(', ')}\n`,
    )
    return 2
  }
  const folder = mkdtempSync(join(tmpdir(), 'layerline-kills-'))
  const note = (what: string, result: object) => {
    if (values.results !== undefined) appendFileSync(values.results, `${JSON.stringify({ what, ...result })}\n`)
  }
  const summaries: Summary[] = []
  try {
    for (const name of names) {
      const loadBefore = loadavg()[0] ?? Number.NaN
      const kills = Number(values.kills ?? (name in REGIMES ? 100 : 40))
      const figures =
        name in REGIMES
          ? await recordings(name as keyof typeof REGIMES, kills, folder, note)
          : await works(name as Work, kills, folder, note)
      summaries.push({ what: name, kills, figures, loadBefore })
      process.stdout.write(`${JSON.stringify(summaries.at(-1))}\n`)
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.stdout.write(
    `${cpus().length} cores, ${cpus()[0]?.model}, Node ${process.version}, ${new Date().toISOString()}\n`,
  )
  return summaries.every(({ figures }) => (figures.wrong ?? 0) === 0 && (figures.left ?? 0) === 0) ? 0 : 1
}

type Note = (what: string, result: object) => void

async function recordings(name: keyof typeof REGIMES, kills: number, folder: string, note: Note) {
  const server = await startPacedServer()
  const losses: number[] = []
  const uncommitted: number[] = []
  const rates: number[] = []
  let [written, kept, wrong] = [0, 0, 0]
  try {
    for (let i = 0; i < kills; i++) {
      const result = await killedRecording(server, REGIMES[name], folder, 300 + 2200 * Math.random())
      note(name, result)
      losses.push(result.lossMs)
      uncommitted.push(result.uncommittedMs)
      rates.push(result.rate)
      written += result.written
      kept += result.kept
      wrong += result.wrong
    }
  } finally {
    await server.stop()
  }
  const sorted = losses.toSorted((a, b) => a - b)
  return {
    written,
    kept,
    wrong,
    rate_max: Math.max(...rates),
    loss_max_ms: sorted.at(-1) ?? Number.NaN,
    loss_median_ms: sorted[sorted.length >> 1] ?? Number.NaN,
    uncommitted_max_ms: Math.max(...uncommitted),
    beyond_250_ms: losses.filter((ms) => ms > 250).length,
  }
}

async function works(name: Work, kills: number, folder: string, note: Note) {
  const work = new WorkKills(name, join(folder, name))
  await work.prepare()
  let [inTime, wrong, left] = [0, 0, 0]
  for (let i = 0; i < kills; i++) {
    const result = await work.kill(Math.random() * 1.1)
    note(name, result)
    if (result.inTime) inTime++
    if (!result.whole) wrong++
    if (result.left.length > 0) left++
  }
  return { in_time: inTime, wrong, left }
}

process.exitCode = await main()
