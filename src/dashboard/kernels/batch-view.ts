import { relative } from 'node:path'
import { bytes, duration, many } from '../../analysis/quantity.ts'
import { type BatchJob, type BatchModel, type BatchState, countJobs, etaSeconds } from '../../session/kernels/batch.ts'
import type { Paint } from '../text/paint.ts'
import { bar } from '../text/sparkline.ts'
import { type Cell, table } from '../text/table.ts'
import { clip, printable } from '../text/text.ts'
import type { TextStyle } from './tracers-view.ts'

const MARKS = { waiting: '·', running: '▶', done: '✓', bypassed: '=', skipped: '–', failed: '✗' } as const

/** What is in progress, as lines of a terminal's width: overall progress, what is fetched, what runs. */
export function batchLines(state: BatchState, nowMs: number, width: number): string[] {
  const counts = countJobs(state)
  const over = state.jobs.length - counts.waiting - counts.running
  const eta = etaSeconds(state, nowMs)
  const elapsed = duration(nowMs - state.startedMs)
  const head = [
    `${bar(state.jobs.length === 0 ? 1 : over / state.jobs.length, 16).padEnd(16, '░')} ${over}/${state.jobs.length}`,
    `${counts.running} running`,
    `${counts.done} done`,
    `${counts.bypassed} there already`,
    `${counts.skipped} skipped`,
    `${counts.failed} failed`,
    elapsed,
    ...(state.stopping
      ? ['stopping']
      : eta === null || over === state.jobs.length
        ? []
        : [`${duration(eta * 1e3)} left`]),
  ].join(' · ')
  const rows = [
    ...state.models
      .filter(({ state: each }) => each === 'fetching' || each === 'checking')
      .map((model) => supplyRow(model)),
    ...state.jobs.filter(({ state: each }) => each === 'running').map((job) => runningRow(job, nowMs)),
  ]
  if (rows.length === 0) return [clip(head, width)]
  const titles = [
    { title: '' },
    { title: 'model', max: Math.floor(width / 3) },
    { title: 'tracer' },
    { title: 'phase' },
    { title: 'for', align: 'right' as const },
  ]
  return [head, ...table(titles, rows, (title) => title)].map((line) => clip(line, width))
}

function supplyRow(model: BatchModel): Cell[] {
  const { bytes: got } = model
  const size = got === null ? '' : `${bytes(got.done)}${got.total === null ? '' : ` of ${bytes(got.total)}`}`
  return ['↓', printable(shortName(model)), '', `${model.state} ${size}`, '']
}

function runningRow(job: BatchJob, nowMs: number): Cell[] {
  const where = job.gpus.length === 0 ? '' : ` on GPU ${job.gpus.join(',')}`
  return [
    MARKS.running,
    printable(shortName(job.model)),
    job.tracer.name,
    `${printable(job.phase ?? 'start')}${where}`,
    duration(nowMs - (job.startedMs ?? nowMs)),
  ]
}

/** One line for a job that is over. */
export function jobLine(job: BatchJob, paint: Paint): string {
  const name = `${shortName(job.model)} ${job.tracer.name}`
  const took = job.seconds === null ? '' : ` ${duration(job.seconds * 1e3)}`
  const why = [job.kind, job.message, job.note].filter(Boolean).join(': ')
  const text = printable(`${name}: ${WORDS[job.state]}${took}${why === '' ? '' : `, ${why}`}`)
  return `${colour(job, paint)(MARKS[job.state])} ${text}`
}

const WORDS = {
  waiting: 'left',
  running: 'running',
  done: 'done',
  bypassed: 'there already',
  skipped: 'skipped',
  failed: 'failed',
} as const

export function modelLine(model: BatchModel): string {
  if (model.state === 'ready') return printable(`${shortName(model)}: ready`)
  return printable(`${shortName(model)}: ${model.reason ?? model.state}: ${model.message ?? ''}`)
}

function colour({ state }: BatchJob, paint: Paint): (text: string) => string {
  if (state === 'done') return paint.green
  return state === 'failed' ? paint.red : state === 'skipped' ? paint.yellow : paint.dim
}

/** The summary at the end: one row per model, one column per tracer; below, what went wrong and why. */
export function batchText(state: BatchState, { width, paint }: TextStyle): string {
  const { plan, jobs, models } = state
  const counts = countJobs(state)
  const cell = (job: BatchJob | undefined): Cell => {
    if (job === undefined) return ''
    const took = job.state === 'done' && job.seconds !== null ? ` ${duration(job.seconds * 1e3)}` : ''
    return {
      text: `${MARKS[job.state]}${took}${job.state === 'failed' ? ` ${job.kind}` : ''}`,
      paint: colour(job, paint),
    }
  }
  const rows = models.map((model) => [
    printable(shortName(model)),
    ...plan.tracers.map((tracer) => cell(jobs.find((job) => job.model === model && job.tracer === tracer))),
  ])
  const titles = [
    { title: `${plan.framework}, ${plan.mode}, ${plan.device}`, max: 40 },
    ...plan.tracers.map(({ name }) => ({ title: name })),
  ]
  const reasons = [
    ...models
      .filter(({ state: each }) => each === 'refused' || each === 'skipped')
      .map((model) => `${paint.yellow('–')} ${modelLine(model)}`),
    ...jobs
      .filter((job) => job.state === 'failed' || job.note !== null || job.kind === 'stopped')
      .map((job) => jobLine(job, paint)),
  ]
  const sum = [
    `${counts.done} done`,
    `${counts.bypassed} there already`,
    `${counts.skipped} skipped`,
    `${counts.failed} failed`,
    ...(counts.waiting > 0 ? [`${counts.waiting} left: the same command resumes them`] : []),
  ].join(', ')
  return `${[
    ...table(titles, rows, paint.dim),
    ...reasons.map((line) => clip(line, Math.max(width, 100))),
    `${paint.bold(many('trace', jobs.length))}: ${sum} -> ${relative('.', plan.outputDir) || '.'}`,
  ].join('\n')}\n`
}

/** An id is what people know a model by; of a folder, its last parts. */
function shortName({ name, path }: BatchModel): string {
  return path === null ? name : name.split('/').slice(-1).join('/')
}
