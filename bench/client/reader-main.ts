import { readFileSync } from 'node:fs'
import type { Truth } from '../../test/paced-server/truth.ts'
import { compareWithTruth } from './compare.ts'
import { fetchReader } from './fetch-reader.ts'
import type { CompletionBody, Job, Measured, Reader, ReaderName } from './job.ts'
import { layerlineReader } from './layerline-reader.ts'
import { socketReader } from './socket-reader.ts'

/** Streams of the warm-up: enough for the code to be compiled. */
const WARMUP_REQUESTS = 64
const WARMUP_ROUNDS = 3

/** `node reader-main.js READER JOB SERVER_PID`: does the job in a process of its own, prints Measured[] in one line. */
async function main([name, jobText, serverPid]: string[]): Promise<void> {
  const job = JSON.parse(jobText!) as Job
  const reader = await open(name as ReaderName, job)
  let next = 0
  for (let i = 0; i < WARMUP_ROUNDS && job.warmupTokens > 0; i++) {
    const warmup = { ...job, requests: WARMUP_REQUESTS, tokens: job.warmupTokens, paced: { unpaced: true }, overMs: 0 }
    await round(reader, warmup, next)
    next += WARMUP_REQUESTS
  }
  const measured: Measured[] = []
  for (let i = 0; i < job.repetitions; i++) {
    measured.push(await measure(reader, job, next, Number(serverPid)))
    next += job.requests
  }
  if (job.compare) {
    const seen = await reader.seen(next - job.requests)
    const truth = (await (await fetch(`${job.url}/truth`)).json()) as Truth
    measured[measured.length - 1] = { ...measured.at(-1)!, comparison: compareWithTruth(seen, truth) }
  }
  await reader.close()
  process.stdout.write(`${JSON.stringify(measured)}\n`)
}

function open(name: ReaderName, job: Job): Promise<Reader> | Reader {
  if (name === 'layerline') return layerlineReader(job, false)
  if (name === 'layerline-usage') return layerlineReader(job, true)
  return name === 'fetch' ? fetchReader(job.url) : socketReader(job.url)
}

async function measure(reader: Reader, job: Job, first: number, serverPid: number): Promise<Measured> {
  await fetch(`${job.url}/truth`, { method: 'DELETE' })
  await new Promise((resolve) => setTimeout(resolve, 300))
  const serverUs = processCpuUs(serverPid)
  const start = performance.now()
  const cpu = process.cpuUsage()
  const outcome = await round(reader, job, first)
  const { user, system } = process.cpuUsage(cpu)
  const serverEndUs = processCpuUs(serverPid)
  return {
    ...outcome,
    wallMs: performance.now() - start,
    cpuUs: user + system,
    serverCpuUs: serverUs === null || serverEndUs === null ? null : serverEndUs - serverUs,
    comparison: null,
  }
}

/** All requests of a repetition, each at its moment, until all that came is settled. */
async function round(reader: Reader, job: Job, first: number): Promise<{ tokens: number; failed: number }> {
  const body: CompletionBody = {
    model: 'paced',
    prompt: 'the same for all',
    max_tokens: job.tokens,
    stream: true,
    paced: job.paced,
  }
  const startMs = performance.now()
  const running: Promise<number | null>[] = []
  for (let i = 0; i < job.requests; i++) {
    const waitMs = startMs + (i * job.overMs) / job.requests - performance.now()
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
    running.push(reader.send(first + i, body))
  }
  const tokens = await Promise.all(running)
  await reader.settle()
  return {
    tokens: tokens.reduce((sum: number, count) => sum + (count ?? 0), 0),
    failed: tokens.filter((count) => count === null).length,
  }
}

/** User and system time of another process from /proc, µs. */
function processCpuUs(pid: number): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10_000
  } catch {
    return null
  }
}

await main(process.argv.slice(2))
