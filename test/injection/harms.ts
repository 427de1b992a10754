import { cpuHog } from './injectors/cpu-hog.ts'
import { cpuQuota } from './injectors/cpu-quota.ts'
import type { Harm } from './injectors/injector.ts'
import { lostPackets } from './injectors/lost-packets.ts'
import { fullCache, longPrefill } from './injectors/other-requests.ts'
import { slowNetwork } from './injectors/slow-network.ts'
import { stopSignal } from './injectors/stop-signal.ts'

/** Everything that can be done, by the name it is asked for. */
export const HARMS: readonly { readonly key: string; readonly harm: Harm }[] = [
  { key: 'cpu-hog', harm: cpuHog },
  { key: 'sigstop', harm: stopSignal },
  { key: 'quota', harm: cpuQuota },
  { key: 'network', harm: slowNetwork },
  { key: 'netem', harm: lostPackets },
  { key: 'prefill', harm: longPrefill },
  { key: 'kv-cache', harm: fullCache },
]
