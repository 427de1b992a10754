import type { RunningPacedServer } from '../../test/paced-server/start.ts'
import { type Figure, figure } from './figures.ts'
import type { Job, Measured, ReaderName } from './job.ts'
import { runReader } from './run-reader.ts'

export interface Size {
  readonly repetitions: number
  /** Tokens of each of 64 unpaced streams. */
  readonly unpacedTokens: number
  /** Tokens of each paced stream: enough that what a request costs is small beside them. */
  readonly pacedTokens: number
  /** Streams of the truth measurement, over 10 s at full size. */
  readonly truthStreams: number
  readonly truthOverMs: number
}
export const FULL: Size = {
  repetitions: 3,
  unpacedTokens: 10_000,
  pacedTokens: 400,
  truthStreams: 2000,
  truthOverMs: 10_000,
}
export const QUICK: Size = {
  repetitions: 1,
  unpacedTokens: 3000,
  pacedTokens: 50,
  truthStreams: 400,
  truthOverMs: 2000,
}

const WARMUP_TOKENS = 2000
const TRUTH_TOKENS = 20
/** The fetch reader is slow: it needs fewer tokens for as sure a figure. */
const FETCH_SHARE = 0.2

/** Unpaced, 64 streams at once: what a streamed token costs. */
export async function measureUnpaced(server: RunningPacedServer, reader: ReaderName, size: Size): Promise<Figure[]> {
  const share = reader === 'fetch' ? FETCH_SHARE : 1
  const measured = await runReader(reader, server, {
    requests: 64,
    tokens: Math.round(size.unpacedTokens * share),
    paced: { unpaced: true },
    overMs: 0,
    repetitions: size.repetitions,
    warmupTokens: WARMUP_TOKENS,
    compare: false,
  })
  refuseFailures(measured, `${reader}, unpaced`)
  return [
    figure(
      `${reader}: CPU per token, unpaced`,
      'us',
      `user and system CPU of the ${WHO[reader]} a streamed token; 64 streams at once, one token an event, as fast as it reads`,
      measured.map(cpuPerToken),
      reader === 'layerline' ? 2 : null,
    ),
    figure(
      `${reader}: speed, unpaced`,
      'tok/s',
      'tokens by wall time, same work, from the first request to the last row stored',
      measured.map((m) => m.tokens / (m.wallMs / 1000)),
    ),
    ...serverFigure(reader, measured),
  ]
}

/**
 * A token every 20 ms in each stream: nearly every read brings one token. The more streams, the more of them share a
 * wake-up; what the machine itself asks for a read is in the socket reader's figure.
 */
export async function measurePaced(
  server: RunningPacedServer,
  reader: ReaderName,
  size: Size,
  streams: 800 | 256,
): Promise<Figure[]> {
  const measured = await runReader(reader, server, {
    requests: streams,
    tokens: size.pacedTokens,
    paced: { ttft_ms: 50, itl_ms: 20 },
    overMs: 20,
    repetitions: size.repetitions,
    warmupTokens: WARMUP_TOKENS,
    compare: false,
  })
  refuseFailures(measured, `${reader}, paced`)
  const work = `${streams} streams, starts spread over 20 ms, a token every 20 ms each`
  return [
    figure(
      `${reader}: CPU per token, one token a read, ${streams} streams`,
      'us',
      `user and system CPU of the ${WHO[reader]} a streamed token; ${work}`,
      measured.map(cpuPerToken),
      reader === 'layerline' && streams === 800 ? 15 : null,
    ),
  ]
}

/** Streams that arrive evenly, or all at once: is what was recorded what the server did? */
export async function measureTruth(
  server: RunningPacedServer,
  reader: ReaderName,
  size: Size,
  arrival: 'even' | 'burst',
): Promise<Figure[]> {
  const job: Omit<Job, 'url'> = {
    requests: size.truthStreams,
    tokens: TRUTH_TOKENS,
    paced: { ttft_ms: 200, itl_ms: 100 },
    overMs: arrival === 'even' ? size.truthOverMs : 0,
    repetitions: 1,
    warmupTokens: WARMUP_TOKENS,
    compare: true,
  }
  const measured: Measured[] = []
  for (let i = 0; i < size.repetitions; i++) measured.push(...(await runReader(reader, server, job)))
  refuseFailures(measured, `${reader}, ${arrival}`)
  const comparisons = measured.map((m) => m.comparison!)
  const when = arrival === 'even' ? `evenly over ${size.truthOverMs / 1000} s` : 'at once'
  const work = `${size.truthStreams} streams starting ${when}, TTFT 200 ms, ITL 100 ms, ${TRUTH_TOKENS} tokens`
  const targeted = reader === 'layerline' && arrival === 'even'
  const figures: Figure[] = []
  for (const what of ['ttft', 'itl'] as const) {
    for (const p of ['p50', 'p99'] as const) {
      const name = `${reader}, ${arrival}: ${what.toUpperCase()} ${p}`
      figures.push(
        figure(
          `${name} error`,
          'ms',
          `|${p} recorded - ${p} by the server's own stamps|; ${work}`,
          comparisons.map((c) => Math.abs(c[what].recorded[p] - c[what].truth[p])),
          targeted ? (p === 'p50' ? 1 : 6) : null,
        ),
        figure(
          `${name} of paired error`,
          'ms',
          `${p} of |recorded - stamped| of the same event; ${work}`,
          comparisons.map((c) => c[what].paired[p]),
        ),
      )
    }
  }
  figures.push(
    figure(
      `${reader}, ${arrival}: server late p99`,
      'ms',
      `how late the server's writes were against its own schedule (its stamps are the truth all the same); ${work}`,
      comparisons.map((c) => c.serverLateMs),
    ),
  )
  return figures
}

const WHO: Record<ReaderName, string> = {
  layerline: 'client process, its store thread included, rows recorded and committed,',
  'layerline-usage': 'same, the token count asked for in every event, as of a vLLM server,',
  fetch: "process that reads with Node's fetch and parses every event as JSON, stamps in memory,",
  socket: 'process that reads sockets and drops the bytes',
}

function cpuPerToken(m: Measured): number {
  return m.cpuUs / m.tokens
}

function serverFigure(reader: ReaderName, measured: readonly Measured[]): Figure[] {
  const values = measured.flatMap((m) => (m.serverCpuUs === null ? [] : [m.serverCpuUs / m.tokens]))
  if (values.length === 0) return []
  const what = "the paced server's own CPU a token, same work: it must cost less than what it measures"
  return [figure(`${reader}: server's CPU per token`, 'us', what, values)]
}

function refuseFailures(measured: readonly Measured[], what: string): void {
  const failed = measured.reduce((sum, m) => sum + m.failed, 0)
  if (failed > 0) throw new Error(`${what}: ${failed} requests failed; no figure comes of that`)
}
