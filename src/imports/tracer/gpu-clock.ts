import type { CsvFile, CsvRecord } from '../csv-file.ts'
import { parseStampUs } from '../file-time.ts'
import type { RunWriter } from '../run-writer.ts'

/** Every zone in use is a whole number of these from UTC. */
const QUARTER_US = 15 * 60e6
/** A line is logged after its sample, by no more than this where both clocks are set. */
const LONGEST_DELAY_US = 1e6
/** nvidia-smi's stamps are in ms. */
const STAMP_US = 1000
/** Where nothing tells the zone: the farthest that one lies from UTC. */
const ANY_ZONE_US = 14 * 3600e6

export const GPU_CLOCK = 'gpu local time'

/** From a line on, what the GPU's clock is ahead of Unix time. */
export interface ClockStretch {
  readonly fromLine: number
  readonly offsetUs: number
  readonly uncertaintyUs: number
  readonly method: string
}

/**
 * The GPU's zoneless local time against the log's UTC, over one file. A line is logged after it was sampled, so the
 * difference that is greatest is the one with the least delay. Its next quarter of an hour is the zone. The remainder
 * is delay or a wrong clock, and cannot be attributed: it is the uncertainty. A new zone (the clocks went forward)
 * starts a new stretch. The reader of the values handles bad lines.
 */
export async function clockStretches(file: CsvFile, gpu: string, log: string): Promise<ClockStretch[]> {
  const stretches: { fromLine: number; zoneUs: number; greatestUs: number }[] = []
  for await (const records of file.records()) {
    for (const record of records) {
      if (record.cut) continue
      const aheadUs = file.peek(record, () => {
        const gpuUs = stampOf(file, record, gpu)
        return file.text(record, log) === '' ? null : gpuUs - stampOf(file, record, log)
      })
      if (typeof aheadUs !== 'number') continue
      const zoneUs = Math.round(aheadUs / QUARTER_US) * QUARTER_US
      const last = stretches.at(-1)
      if (last === undefined || last.zoneUs !== zoneUs) {
        stretches.push({ fromLine: record.line, zoneUs, greatestUs: aheadUs })
      } else if (aheadUs > last.greatestUs) last.greatestUs = aheadUs
    }
  }
  if (stretches.length === 0) return [unknownZone()]
  return stretches.map(({ fromLine, zoneUs, greatestUs }, i) => {
    const restUs = greatestUs - zoneUs
    const set = restUs <= 0 && restUs > -LONGEST_DELAY_US
    return {
      fromLine: i === 0 ? 0 : fromLine,
      offsetUs: set ? zoneUs : greatestUs,
      uncertaintyUs: Math.abs(restUs) + STAMP_US / 2,
      method: `zone ${zoneText(zoneUs)} by ${log} (UTC); least delay ${(-restUs / 1000).toFixed(3)} ms`,
    }
  })
}

/** A file with one clock only. */
export function unknownZone(): ClockStretch {
  return {
    fromLine: 0,
    offsetUs: 0,
    uncertaintyUs: ANY_ZONE_US,
    method: 'no other clock in the file: local time taken as UTC, the zone is not known',
  }
}

/** A time that must be there. */
export function stampOf(file: CsvFile, record: CsvRecord, column: string): number {
  const us = parseStampUs(file.text(record, column))
  if (Number.isNaN(us)) throw file.wrong(record, column, 'a time like 2025/07/11 18:47:11.455')
  return us
}

/** Writes an alignment as it holds from a time on. */
export function writeClock(run: RunWriter, tNs: number, stretch: ClockStretch): void {
  run.writers.clocks.append({
    clock: GPU_CLOCK,
    t_ns: tNs,
    offset_ns: stretch.offsetUs * 1000,
    uncertainty_ns: stretch.uncertaintyUs * 1000,
    method: stretch.method,
  })
}

function zoneText(zoneUs: number): string {
  const minutes = Math.abs(zoneUs) / 60e6
  const two = (value: number) => String(value).padStart(2, '0')
  return `${zoneUs < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
}
