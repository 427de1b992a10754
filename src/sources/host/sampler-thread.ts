import { parentPort, workerData } from 'node:worker_threads'
import { createRunClock } from '../../base/time.ts'
import { SampledHost } from './sampled-host.ts'
import type { SamplerBatch, SamplerRequest, SamplerThreadData } from './sampler-messages.ts'
import type { SampleSink, TrackSpec } from './samples/samples.ts'

/** Batches are small, but each wakes the client's thread. */
const POST_EVERY_MS = 200

/** The thread's whole life: samples on a grid of `periodMs`, until it is asked to stop. */
function run(port: NonNullable<typeof parentPort>, data: SamplerThreadData): void {
  const clock = createRunClock(data.clock)
  let tracks: [number, TrackSpec][] = []
  let samples: number[] = []
  let trackCount = 0
  const sink: SampleSink = {
    track: (spec) => {
      tracks.push([trackCount, spec])
      return trackCount++
    },
    add: (track, tNs, value) => {
      samples.push(track, tNs, value ?? Number.NaN)
    },
  }
  const post = (): void => {
    const batch: SamplerBatch = { tracks, samples: Float64Array.from(samples) }
    port.postMessage(batch, [batch.samples.buffer])
    tracks = []
    samples = []
  }

  const sampler = new SampledHost(data, sink, clock.now())
  sampler.sample(clock.now())
  post()
  let next = performance.now() + data.periodMs
  let posted = performance.now()
  let timer = setTimeout(tick, data.periodMs)
  function tick(): void {
    sampler.sample(clock.now())
    const now = performance.now()
    if (now - posted >= POST_EVERY_MS - 1) {
      post()
      posted = now
    }
    // A late sample is not made up for: its window is longer, and says so by its time.
    while (next <= now) next += data.periodMs
    timer = setTimeout(tick, next - now)
  }
  port.on('message', (request: SamplerRequest) => {
    clearTimeout(timer)
    if (request !== 'stop') {
      post()
      // The first sample after a pause speaks for all of it.
      next = performance.now() + data.periodMs
      if (request === 'resume') timer = setTimeout(tick, data.periodMs)
      return
    }
    // The kernel counts CPU time in ticks: over a window of a few ms a share would be noise.
    if (next - performance.now() < data.periodMs / 2) sampler.sample(clock.now())
    sampler.close()
    post()
    port.close()
  })
}

if (parentPort !== null) run(parentPort, workerData as SamplerThreadData)
