import type { VerdictLine } from '../../trace/run-json.ts'
import type { Figures } from '../report.ts'
import { answerLines } from './answers.ts'
import type { Assessments } from './assessed.ts'
import { type AllAssessed, assess, bare } from './assessment.ts'
import { commitBacklog } from './backlog.ts'
import { openBooks } from './books.ts'
import { cachedTokens } from './cache.ts'
import { clientLines } from './client.ts'
import { engineRestarts, rejectedLines } from './engine-metrics.ts'
import { hardwareLines } from './hardware.ts'
import { busyMachine, memoryLeft, runQueue, stolenTime, swapping, throttledTime } from './machine-rules.ts'
import { networkLines } from './network.ts'
import { heldBack, leftOut, lostWorkers, portsGone, resumedRun, serverFull } from './offering.ts'
import { osLines } from './os.ts'
import { cutRequests, earlyEnd, failedRequests, nothingMeasured, runState, warmupExcluded } from './outcome.ts'
import { profiledRequests, profileOffClock } from './profile.ts'
import type { Rule } from './rule.ts'
import { sameHost } from './same-host.ts'
import { startLag, unsentRequests } from './schedule.ts'
import { serverLines } from './server.ts'
import { countedEvents, lostRows, tokenDrift, uncheckedTls } from './trust.ts'
import { watchingLines } from './watching.ts'

type Theme = (figures: Figures) => VerdictLine | VerdictLine[]

/** The lines, and the assessments that those of client, server and network follow from; null of a run without measured requests. */
export interface Judged {
  readonly verdict: VerdictLine[]
  readonly assessments: Assessments | null
}

const one = (rule: Rule) => (figures: Figures) => rule(figures) ?? []

/** In order of importance among lines of the same level. */
const themesOf = (assessed: AllAssessed): readonly Theme[] => [
  one(nothingMeasured),
  one(earlyEnd),
  one(failedRequests),
  answerLines,
  one(lostWorkers),
  one(serverFull),
  one(portsGone),
  one(heldBack),
  (figures) => assessedLines(figures, assessed),
  scheduleLines,
  one(sameHost),
  one(cachedTokens),
  one(lostRows),
  one(commitBacklog),
  one(runState),
  one(stolenTime),
  one(throttledTime),
  one(runQueue),
  one(swapping),
  one(memoryLeft),
  one(busyMachine),
  hardwareLines,
  one(engineRestarts),
  rejectedLines,
  osLines,
  watchingLines,
  one(tokenDrift),
  one(countedEvents),
  one(openBooks),
  one(uncheckedTls),
  one(cutRequests),
  one(profileOffClock),
  one(profiledRequests),
  one(warmupExcluded),
  one(leftOut),
  one(resumedRun),
]

/** Of a run without one measured request. */
const NO_REQUESTS: readonly Theme[] = [
  ...[one(nothingMeasured), one(earlyEnd), one(lostWorkers), one(lostRows), one(runState)],
  osLines,
]
/** For an observed program or an imported profile: no requests were intended. */
const WITHOUT_REQUESTS: readonly Theme[] = [one(lostRows), one(runState), osLines]

/** Good news and notes keep the order of their themes. */
const FIRST: Partial<Record<VerdictLine['level'], number>> = { bad: 0, warn: 1 }

/** What may have spoiled the run, worst first; then the answers that speak for it. */
export function judge(figures: Figures): Judged {
  const measured = !meansNoRequests(figures) && figures.offered.requests > 0
  const assessed = measured ? assess(figures) : null
  const themes = assessed !== null ? themesOf(assessed) : meansNoRequests(figures) ? WITHOUT_REQUESTS : NO_REQUESTS
  const verdict = themes.flatMap((theme) => theme(figures))
  return {
    verdict: verdict.sort((a, b) => (FIRST[a.level] ?? 2) - (FIRST[b.level] ?? 2)),
    assessments: assessed === null ? null : bare(assessed),
  }
}

function meansNoRequests({ run, offered }: Figures): boolean {
  return run.command === 'os' || (run.command === 'import' && offered.by_status.length === 0)
}

/** Server, client and network, each by its one assessment. */
function assessedLines(figures: Figures, { client, server, network }: AllAssessed): VerdictLine[] {
  return [...serverLines(server), ...clientLines(figures, client), ...networkLines(figures, network)]
}

function scheduleLines(figures: Figures): VerdictLine[] {
  const unsent = unsentRequests(figures)
  const lag = startLag(figures)
  if (unsent === null) return lag === null ? [] : [lag]
  return lag === null || lag.level === 'ok' ? [unsent] : [unsent, lag]
}
