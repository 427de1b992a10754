import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { Worker } from 'node:worker_threads'
import { endThread, LATE, nextEvent } from '../../base/bounded-wait.ts'
import { errorText } from '../../base/errors.ts'
import { builtFile } from '../../base/package-files.ts'
import type { ClockBase } from '../../base/time.ts'
import { codeOf } from '../../trace/columns.ts'
import type { RowWriter } from '../../trace/row-writer.ts'
import { type counters, LAYERS, type tracks } from '../../trace/tables.ts'
import type { Toggle } from '../source.ts'
import type { SamplerBatch, SamplerRequest, SamplerThreadData } from './sampler-messages.ts'
import type { ProcessRoot } from './samples/process-samples.ts'

/** A thread that does not end within this is ended. */
const STOP_MS = 2000
/** One that does not answer within this is taken for stuck. */
const ANSWER_MS = 30_000

export interface CounterSinks {
  tracks: RowWriter<typeof tracks>
  counters: RowWriter<typeof counters>
}

export interface HostSamplerOptions {
  clock: ClockBase
  /** Time between samples; 100 by default. */
  periodMs?: number
  /** Whose CPU and memory to watch, their descendants included. */
  processes: readonly ProcessRoot[]
  serverPort?: number
  /** Gives fresh track ids of the run. */
  trackIds: () => number
}

export interface HostSamplerHandle {
  /** Why nothing, or nothing more, is sampled, in a sentence; null while all is well. */
  readonly problem: string | null
  readonly toggle?: Toggle
  /** Takes a last sample, hands over what is left and ends the thread. */
  stop(): Promise<void>
}

/**
 * Samples this host in a thread of its own: machine, processes, cgroups, network. Resolves once the first sample is in
 * the sinks; never rejects: where there is no /proc it is off, with the reason in `problem`.
 */
export async function startHostSampler(options: HostSamplerOptions, sinks: CounterSinks): Promise<HostSamplerHandle> {
  if (!existsSync('/proc/stat')) {
    return {
      problem: `the host layer is off: it reads /proc, which ${process.platform} does not have; run on Linux for it`,
      stop: async () => undefined,
    }
  }
  const { clock, periodMs = 100, processes, serverPort, trackIds } = options
  const data: SamplerThreadData = {
    clock: { epochUnixNs: clock.epochUnixNs, monotonicBaseNs: clock.monotonicBaseNs },
    periodMs,
    processes,
    serverPort: serverPort ?? null,
    threadCpu: !('threadCpuUsage' in process),
  }
  const ids: number[] = []
  let problem: string | null = null
  let ended = false
  const worker = new Worker(builtFile('src/sources/host/sampler-thread'), { workerData: data })
  worker.on('message', (batch: SamplerBatch) => appendBatch(batch, ids, trackIds, sinks))
  worker.on('error', (error) => {
    problem = `the host layer stopped: ${errorText(error)}`
  })
  worker.on('exit', () => {
    ended = true
  })
  const answered = (): Promise<unknown> => nextEvent(worker, 'message', ANSWER_MS, ['exit']).catch(() => null)
  const first = answered()
  worker.unref()
  if ((await first) === LATE) problem = `the host layer has given no sample in ${ANSWER_MS / 1000} s`
  const ask = (request: SamplerRequest): void => worker.postMessage(request)
  /** It answers either with what it has. */
  const switched = async (request: 'pause' | 'resume'): Promise<void> => {
    if (ended) throw new Error('it has stopped')
    const answer = answered()
    ask(request)
    if ((await answer) === LATE) throw new Error('it does not answer')
  }
  return {
    toggle: {
      name: 'host',
      off: 'paused',
      pause: () => switched('pause'),
      resume: () => switched('resume'),
    },
    get problem() {
      return problem
    },
    async stop() {
      if (ended) return
      worker.ref()
      ask('stop')
      await endThread(worker, STOP_MS)
    },
  }
}

function appendBatch(batch: SamplerBatch, ids: number[], trackIds: () => number, sinks: CounterSinks): void {
  for (const [id, spec] of batch.tracks) {
    ids[id] = trackIds()
    sinks.tracks.append({
      track_id: ids[id],
      layer: codeOf(LAYERS, spec.layer),
      host: hostname(),
      process: spec.process ?? null,
      process_start_ns: spec.processStartNs ?? null,
      thread: spec.thread ?? null,
      device: spec.device ?? null,
      name: spec.name,
      unit: spec.unit,
      clock: 'run',
      attrs: JSON.stringify(spec.attrs),
    })
  }
  const { samples } = batch
  for (let at = 0; at < samples.length; at += 3) {
    const value = samples[at + 2] as number
    sinks.counters.append({
      track_id: ids[samples[at] as number] as number,
      t_ns: samples[at + 1] as number,
      value: Number.isNaN(value) ? null : value,
    })
  }
}
