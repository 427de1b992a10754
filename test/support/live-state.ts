import { History } from '../../src/dashboard/live/chart/history.ts'
import type { LiveState } from '../../src/dashboard/live/live-state.ts'
import type { Latency, LiveFigures } from '../../src/session/live/live-figures.ts'

const latency = (ms: number): Latency => {
  const of = (n: number, scale: number) => {
    const at = (share: number) => ms * scale * (1 + share) * 1e6
    return { n, p50Ns: at(0.5), p95Ns: at(0.95), p99Ns: at(0.99), maxNs: at(1) }
  }
  return { total: of(5000, 1), recent: of(320, 1.2) }
}

/** Live figures of a run that is `seconds` old, its rates moving with time. */
export function figuresAt(seconds: number, more: Partial<LiveFigures> = {}): LiveFigures {
  const wave = 1 + Math.sin(seconds / 4) / 2
  return {
    tNs: seconds * 1e9,
    elapsedNs: seconds * 1e9,
    pausedNs: 0,
    paused: false,
    requests: {
      planned: 1000,
      share: Math.min(1, seconds / 100),
      offered: seconds * 10 + 12,
      holding: 0,
      sent: seconds * 10 + 12,
      ended: seconds * 10,
      ok: seconds * 10 - 3,
      failed: 3,
      inFlight: 12,
      warmup: 0,
      byStatus: new Map([
        ['timeout', 1],
        ['http_error', 2],
      ]),
      byHttpStatus: new Map([[503, 2]]),
    },
    tokens: { input: seconds * 2000, output: seconds * 500 },
    bytes: { tx: seconds * 12e3, rx: seconds * 140e3 },
    rates: {
      okPerS: 10 * wave,
      offeredPerS: 10,
      failedPerS: 0.1,
      inputTokensPerS: 2000 * wave,
      outputTokensPerS: 500 * wave,
      txBytesPerS: 12e3,
      rxBytesPerS: 140e3,
    },
    latency: { ttft: latency(90), itl: latency(12), tpot: latency(12), e2e: latency(700), lag: latency(0.05) },
    server: { running: 10, waiting: 2, kvCacheRatio: 0.9 },
    gpus: [
      {
        device: '0 GPU-1 NVIDIA A10',
        utilizationRatio: 0.8,
        powerW: 140,
        memoryUsedBytes: 20e9,
        memoryTotalBytes: 24e9,
      },
    ],
    hosts: [{ host: '計算機-1', cpuBusyRatio: 0.4, memoryAvailableBytes: 21e9, powerW: null }],
    client: { cores: 0.2, loopDelayP99Ns: 1e6 },
    lastError: 'HTTP 503 Service Unavailable: 混雑しています \u{1f680}\u001b[2J',
    ...more,
  }
}

/** A run that has been watched for `seconds`. */
export function stateAt(seconds: number, more: Partial<LiveState> = {}, figures: Partial<LiveFigures> = {}): LiveState {
  const history = new History()
  for (let i = 0; i <= seconds * 4; i++) history.add(figuresAt(i / 4, figures))
  return {
    command: 'trace',
    subject: 'model/名前 · 127.0.0.1:8000',
    phase: 'running',
    sealed: null,
    figures: figuresAt(seconds, figures),
    history,
    sampleIntervalMs: 5000,
    windowNs: 60e9,
    view: 'load',
    help: false,
    keys: true,
    notes: ['gpu: off: no nvidia-smi on this machine'],
    ...more,
  }
}
