import { LayerlineError } from '../../base/errors.ts'
import { parseArrivalProcess } from '../../workload/arrival-processes/arrival-processes.ts'
import type { ArrivalSchedule } from '../../workload/arrivals/arrival.ts'
import { openTrace } from '../../workload/arrivals/open-trace.ts'
import { parseDraw } from '../../workload/distributions/bounded-draw.ts'
import { type LengthSpec, type OpenLengths, parseLengths, resolveLengths } from '../../workload/lengths/length-spec.ts'
import type { SyntheticLoad } from '../../workload/synthetic-load/synthetic-load.ts'
import { syntheticSchedule } from '../../workload/synthetic-load/synthetic-schedule.ts'
import type { LOAD_OPTIONS } from '../options/option-groups.ts'
import type { OptionValues } from '../options.ts'

export type LoadOptions = Partial<OptionValues<(typeof LOAD_OPTIONS)[number]>>

const DEFAULT_INPUT = 512
const DEFAULT_OUTPUT = 128
const MOST_TURNS = 10_000
const MOST_THINK_S = 86_400

/** A load as the command line says it, checked; lengths that a trace gives are not read yet. */
export interface LoadSpec {
  readonly input: LengthSpec
  readonly output: LengthSpec | null
  readonly load: Omit<SyntheticLoad, 'lengths' | 'seed'>
}

/**
 * Reads the load's options. `closed`: a closed loop decides when requests are sent, so there is no process. `room`: the
 * model's context, tokens, where it is known: defaults fit into it. `rate` instead of --rate's, for sweeps. Throws `usage/*`.
 */
export function loadSpec(
  options: LoadOptions,
  { closed, room, rate = options.rate }: { closed: boolean; room: number | null; rate?: number | undefined },
): LoadSpec {
  const bad = (what: string, hint: string) => new LayerlineError('usage/load', what, { hint })
  const { arrival, turns, requests = null } = options
  if (closed && (arrival !== undefined || rate !== undefined)) {
    throw bad(
      `--${arrival === undefined ? 'rate' : 'arrival'}: a closed loop sends when an answer is there`,
      'leave --concurrency out for an open loop; --max-in-flight is its ceiling',
    )
  }
  if (options['shared-prefix-count'] !== undefined && options['shared-prefix-tokens'] === undefined) {
    throw bad('--shared-prefix-count without --shared-prefix-tokens', 'say how many tokens are shared')
  }
  if (options['think-time'] !== undefined && turns === undefined) {
    throw bad('--think-time without --turns', 'say how many turns a conversation has')
  }
  const durationS = options.duration ?? null
  if (durationS !== null && durationS <= 0) throw bad('--duration 0', 'expected more than 0 seconds')
  if (requests === null && durationS === null) {
    throw bad('nothing says when the load ends', 'give --requests or --duration')
  }
  const process = closed ? null : parseArrivalProcess(arrival ?? 'poisson', rate ?? null)
  const { input, output } = sides(options, room)
  const sharedTokens = options['shared-prefix-tokens']
  return {
    input,
    output,
    load: {
      process,
      requests,
      durationS,
      sharedPrefix:
        sharedTokens === undefined ? null : { tokens: sharedTokens, count: options['shared-prefix-count'] ?? 1 },
      turns: turns === undefined ? null : parseDraw('--turns', turns, 'count', { min: 1, max: MOST_TURNS }),
      think:
        options['think-time'] === undefined
          ? null
          : parseDraw('--think-time', options['think-time'], 'seconds', { min: 0, max: MOST_THINK_S }),
    },
  }
}

/** The schedule of a load; reads the traces that lengths are drawn from. */
export async function loadSchedule(
  spec: LoadSpec,
  seed: number,
  open: OpenLengths = (path) => openTrace({ path }),
): Promise<ArrivalSchedule> {
  const lengths = await resolveLengths(spec.input, spec.output, seed, open)
  return syntheticSchedule({ ...spec.load, seed, lengths })
}

function sides(options: LoadOptions, room: number | null): Pick<LoadSpec, 'input' | 'output'> {
  // What a small model has no room for is not asked of it: three quarters for the prompt, the rest for the answer.
  const fitting = (wanted: number, share: number) =>
    Math.max(1, Math.min(wanted, Math.floor((room ?? wanted / share) * share)))
  const input = options['input-tokens'] ?? String(fitting(DEFAULT_INPUT, 0.75))
  const output = options['output-tokens'] ?? String(fitting(DEFAULT_OUTPUT, 0.25))
  return {
    input: parseLengths('--input-tokens', input),
    output: output === 'none' ? null : parseLengths('--output-tokens', output),
  }
}
