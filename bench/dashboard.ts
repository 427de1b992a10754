import { parseArgs } from 'node:util'
import { LogCounts } from '../src/base/log-counts.ts'
import { History } from '../src/dashboard/live/chart/history.ts'
import { paletteFor } from '../src/dashboard/live/chart/palette.ts'
import { frame } from '../src/dashboard/live/frame/frame.ts'
import type { LiveStyle } from '../src/dashboard/live/frame/live-style.ts'
import type { LiveState } from '../src/dashboard/live/live-state.ts'
import { Screen } from '../src/dashboard/live/screen.ts'
import { FigureBook } from '../src/session/live/figure-book.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'

const FRAMES_PER_S = 4
const SIZES = [
  { columns: 80, rows: 24 },
  { columns: 120, rows: 40 },
  { columns: 240, rows: 60 },
] as const

/**
 * `node dist/bench/dashboard.js [--quick] [--json]`: the CPU that the live dashboard takes of the client's thread at 4
 * frames a second (figures, history, frame, what changed; the terminal's own work apart), and what counting a gap costs.
 */
function main(): void {
  const { values } = parseArgs({
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  })
  const frames = values.quick ? 200 : 1000
  const repetitions = values.quick ? 1 : 5
  const figures: Figure[] = SIZES.map((size) => {
    const shares = Array.from({ length: repetitions }, () => shareOfCore(size, frames) * 100)
    const what = `${size.columns} x ${size.rows}`
    return figure(
      `dashboard, ${what}`,
      '% of a core',
      `CPU of ${frames} frames in 24-bit colour at ${what}, each with new figures of five latencies, as if drawn ${FRAMES_PER_S} a second`,
      shares,
      2,
      'at_most',
    )
  })
  const gaps = values.quick ? 2_000_000 : 20_000_000
  figures.push(
    figure(
      'a gap counted',
      'ns',
      'one LogCounts.record, CPU',
      Array.from({ length: repetitions }, () => perGapNs(gaps)),
    ),
  )
  const environment = { node: process.version, platform: `${process.platform} ${process.arch}`, quick: values.quick }
  if (values.json) process.stdout.write(`${JSON.stringify({ environment, figures }, null, 2)}\n`)
  else process.stdout.write(`${figureTable(figures)}\n\n${definitions(figures)}\n`)
  if (figures.some((each) => each.met === false)) process.exitCode = 1
}

function shareOfCore(size: { columns: number; rows: number }, frames: number): number {
  const style: LiveStyle = {
    palette: paletteFor(24),
    noPlot: false,
    plotRows: 2,
    plotHeight: undefined,
    sparkWidth: undefined,
    yWidth: 7,
    numWidth: 11,
    barWidth: undefined,
  }
  const book = new FigureBook({ sampleIntervalMs: 5000, plannedRequests: 100_000 })
  const at = { tNs: 0 }
  const totals = { sent: 0, ok: 0, failed: 0, tokens: 0, rxBytes: 0, txBytes: 0, txBodyBytes: 0, rxBodyBytes: 0 }
  book.running({
    now: () => at.tNs,
    totals: () => totals,
    inFlight: () => 12,
    progress: () => null,
    counters: () => [],
    os: null,
    gate: { paused: false, pausedNs: 0, pause() {}, resume() {} },
  })
  const history = new History()
  const screen = new Screen({ write: (_, done) => done(), writeSync() {} })
  screen.enter()
  const step = () => {
    at.tNs += 1e9 / FRAMES_PER_S
    totals.ok += 250
    totals.sent += 250
    totals.tokens += 8000
    // So that no two frames are the same.
    for (let i = 0; i < 64; i++) book.live.itl.record(2e7 * (1 + Math.abs(Math.sin(totals.ok + i))))
    book.live.ttft.record(1e8 * (1 + Math.abs(Math.sin(totals.ok))))
    const snapshot = book.snapshot()
    if (snapshot === null) return
    history.add(snapshot)
    const state: LiveState = {
      ...{ command: 'replay', subject: 'model · server', phase: 'running', sealed: null, figures: snapshot, history },
      ...{ sampleIntervalMs: 5000, windowNs: 60e9, view: 'load', help: false, keys: true, notes: [] },
    }
    screen.draw(frame(state, size, style))
  }
  for (let i = 0; i < 100; i++) step()
  const before = process.cpuUsage()
  for (let i = 0; i < frames; i++) step()
  const { user, system } = process.cpuUsage(before)
  book.close()
  return (user + system) / 1e6 / (frames / FRAMES_PER_S)
}

function perGapNs(gaps: number): number {
  const counts = new LogCounts()
  const before = process.cpuUsage()
  for (let i = 0; i < gaps; i++) counts.record(2e7 + (i & 0xffff) * 100)
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / gaps
}

main()
