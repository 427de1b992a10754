import { basename } from 'node:path'
import { errorText } from '../base/errors.ts'
import { TraceImport } from '../imports/kineto/import-trace.ts'
import type { TraceRun } from '../imports/kineto/trace-run.ts'
import type { CapturedProfile } from '../sources/source.ts'
import { partName } from '../store/part-names.ts'
import type { Recording } from './recording.ts'

/**
 * Reads a profile that was written during a run into that run, on its clock, before it is sealed. If a profile cannot
 * be read, that is reported, and the run continues without it.
 */
export async function readProfile(
  recording: Recording,
  profile: CapturedProfile,
  say: (text: string) => void,
): Promise<void> {
  let reading: TraceImport | null = null
  try {
    writeClock(recording, profile)
    reading = await TraceImport.open(intoRecording(recording, profile, say), { stacks: false, args: false })
    for (const file of profile.files) {
      say(`profile: reading ${basename(file)}`)
      await reading.read(file, () => undefined)
    }
    await reading.finish()
  } catch (error) {
    say(`profile: not read: ${errorText(error)}`)
  } finally {
    reading?.close()
    profile.discard()
  }
}

function writeClock({ store, clock }: Recording, { clock: stamped }: CapturedProfile): void {
  store.writers.clocks.append({
    clock: stamped.name,
    t_ns: clock.now(),
    offset_ns: stamped.offsetNs,
    uncertainty_ns: stamped.uncertaintyNs,
    method: "before and after the profiler's window",
  })
}

function intoRecording(recording: Recording, { clock }: CapturedProfile, say: (text: string) => void): TraceRun {
  const { folder, store, nextTrackId, nameId, reserveSlices } = recording
  return {
    folder,
    part: partName('profile'),
    clock: clock.name,
    writers: store.writers,
    trackId: nextTrackId,
    nameId,
    reserveSlices,
    zeroUnixNs: () => recording.clock.epochUnixNs + BigInt(Math.round(clock.offsetNs)),
    until: () => undefined,
    wrote: (table, rows) => recording.countWritten(table, rows),
    lose: (table, rows) => recording.countLost(table, rows),
    note: (level, _, text) => {
      if (level !== 'note') say(`profile: ${text}`)
    },
  }
}
