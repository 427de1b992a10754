import { parseArgs } from 'node:util'
import { startPacedServer } from '../test/paced-server/start.ts'
import { definitions, type Figure, figure, figureTable } from './client/figures.ts'
import { READERS, type ReaderName } from './client/job.ts'
import { FULL, measurePaced, measureTruth, measureUnpaced, QUICK } from './client/measures.ts'
import { measurePeers } from './client/peers.ts'

/**
 * `node dist/bench/client.js [--quick] [--peers] [--json] [--only unpaced|paced|truth]…`: what the request client costs and how true its times
 * are, against a paced server in another process. Exits with 1 when a target is missed.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true },
    },
  })
  const size = values.quick ? QUICK : FULL
  const wanted = (part: string) => values.only === undefined || values.only.includes(part)
  const figures: Figure[] = []
  const notes: string[] = []
  const server = await startPacedServer()
  try {
    if (wanted('unpaced')) {
      for (const reader of READERS) figures.push(...(await measureUnpaced(server, reader, size)))
      figures.push(...ratios(figures, 'CPU per token, unpaced'))
    }
    if (wanted('paced')) {
      for (const streams of [800, 256] as const) {
        for (const reader of READERS) figures.push(...(await measurePaced(server, reader, size, streams)))
        figures.push(...ratios(figures, `CPU per token, one token a read, ${streams} streams`))
      }
    }
    if (wanted('truth')) {
      figures.push(...(await measureTruth(server, 'layerline', size, 'even')))
      figures.push(...(await measureTruth(server, 'fetch', { ...size, repetitions: 1 }, 'even')))
      figures.push(...(await measureTruth(server, 'layerline', { ...size, repetitions: 1 }, 'burst')))
    }
    if (values.peers) {
      const peers = await measurePeers(server, size)
      figures.push(...peers.figures)
      notes.push(...peers.notes)
    }
  } finally {
    await server.stop()
  }
  const environment = { node: process.version, platform: `${process.platform} ${process.arch}`, quick: values.quick }
  if (values.json) process.stdout.write(`${JSON.stringify({ environment, figures, notes }, null, 2)}\n`)
  else process.stdout.write(`${[figureTable(figures), notes.join('\n'), definitions(figures)].join('\n\n')}\n`)
  if (figures.some((f) => f.met === false)) process.exitCode = 1
}

/** What the ordinary way costs beside ours, and what ours costs above the bare reads: medians of the same run. */
function ratios(figures: readonly Figure[], what: string): Figure[] {
  const median = (reader: ReaderName) => figures.find((f) => f.name === `${reader}: ${what}`)?.median ?? Number.NaN
  const [ours, ordinary, floor] = [median('layerline'), median('fetch'), median('socket')]
  const ratio = 'the fetch reader divided by the layerline reader, medians of this run'
  const above = 'the layerline reader less the socket reader, medians of this run: what the client itself costs'
  return [
    figure(`fetch / layerline: ${what}`, 'x', ratio, [ordinary / ours]),
    figure(`layerline above the floor: ${what}`, 'us', above, [ours - floor]),
  ]
}

await main()
