import type { VerdictLine } from '../../trace/run-json.ts'
import { many, percent } from '../quantity.ts'
import type { Figures } from '../report.ts'
import { FAILED_SHARE } from './outcome.ts'
import { levelOf, type Rule } from './rule.ts'

/** Answers without a token, as servers give under load: one in twenty is what a failure is. */
export const emptyAnswers: Rule = ({ answers, offered }) => {
  const share = answers.empty / Math.max(1, offered.requests)
  const level = levelOf(share, FAILED_SHARE)
  if (level === null) return null
  const text = `${many('answer', answers.empty)} (${percent(share)}) ended without a token: counted as failed, in no latency`
  return { level, what: 'empty', text }
}

/** HTTP 200 and then an error: tools that look at the status alone count it as a short answer. */
export const errorsUnder200: Rule = ({ answers, offered }) => {
  const share = answers.errors_under_200 / Math.max(1, offered.requests)
  const level = levelOf(share, FAILED_SHARE)
  if (level === null) return null
  const text = `${many('request', answers.errors_under_200)} (${percent(share)}) failed with an error in the answer, under HTTP 200`
  return { level, what: 'errors_under_200', text }
}

export const unreadEvents: Rule = ({ answers }) => {
  if (answers.unread_events === 0) return null
  const told = answers.unread_note === null ? '' : ` First: ${answers.unread_note}`
  const text = `${many('event', answers.unread_events)} in ${many('answer', answers.unread_requests)} could not be read: tokens in them are in no TTFT and no ITL.${told}`
  return { level: 'warn', what: 'unread', text }
}

export const notEnded: Rule = ({ answers }) => {
  if (answers.not_ended === 0) return null
  const text = `${many('answer', answers.not_ended)} complete with finish reason and usage, without [DONE] or an end of the body: taken as ended there`
  return { level: 'note', what: 'not_ended', text }
}

export function answerLines(figures: Figures): VerdictLine[] {
  return [emptyAnswers, errorsUnder200, unreadEvents, notEnded].flatMap((rule) => rule(figures) ?? [])
}
