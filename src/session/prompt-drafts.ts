import { randomStream } from '../base/random-stream.ts'
import type { PromptRow } from '../workload/prompts.ts'
import type { Draft } from './offer.ts'

/** Prompts with the same request settings. */
export interface PromptPart {
  prompts: readonly PromptRow[]
  sampling: Record<string, unknown>
  maxTokens: number | undefined
  stage: PromptRow['stage'] | undefined
  repeat: number
}

export interface ScheduleOptions {
  model: string
  seed: number
  stream: boolean
  warmup: number
  /** `random`: all parts and passes are shuffled together, as the seed decides. */
  order: 'given' | 'random'
  /** The model's token limit after a prompt; requested only if a limit must be sent. */
  room: (prompt: PromptRow['prompt']) => Promise<number | null>
}

/** A file may hold many thousands of prompts; the server is asked about this many at once. */
const ROOM_QUESTIONS = 8

export interface Schedule {
  warmup: Draft[]
  measured: Draft[]
}

/** The whole schedule of a prompt set: warm-up first, then every pass; the id is the index in it. */
export function promptSchedule(
  prompts: readonly PromptRow[],
  options: Omit<ScheduleOptions, 'order'> & Omit<PromptPart, 'prompts'>,
): Promise<Schedule> {
  return partsSchedule([{ ...options, prompts }], { ...options, order: 'given' })
}

/** The whole schedule of several parts, one after another or shuffled; the id is the index in it. */
export async function partsSchedule(parts: readonly PromptPart[], options: ScheduleOptions): Promise<Schedule> {
  const limits: (number | null)[][] = []
  for (const part of parts) limits.push(await outputLimits(part, options.room))
  const given = parts.flatMap(({ prompts, repeat }, part) =>
    Array.from({ length: repeat * prompts.length }, (_, i) => ({
      part,
      row: i % prompts.length,
      repeat: Math.floor(i / prompts.length),
    })),
  )
  const order = options.order === 'random' ? randomStream('order', options.seed).shuffled(given) : given
  const draft = (index: number, requestId: number, phase: Draft['phase']): Draft => {
    const { part, row: at, repeat } = order[index] as (typeof order)[number]
    const { prompts, sampling, stage } = parts[part] as PromptPart
    const row = prompts[at] as PromptRow
    return {
      requestId,
      promptId: row.id,
      stage: row.stage ?? stage ?? null,
      size: row.size,
      requestedUnit: row.requestedUnit,
      prompt: row.prompt,
      maxTokens: limits[part]?.[at] ?? null,
      model: options.model,
      sampling,
      // One seed for all would give every repeat the same text.
      seed: (options.seed + requestId) % 2 ** 31,
      phase,
      repeat: phase === 'warmup' ? 0 : repeat,
      attrs: row.attrs === null ? null : JSON.stringify(row.attrs),
      stream: options.stream,
    }
  }
  return {
    warmup: Array.from({ length: options.warmup }, (_, i) => draft(i % order.length, i, 'warmup')),
    measured: order.map((_, i) => draft(i, options.warmup + i, 'measured')),
  }
}

async function outputLimits(
  { prompts, maxTokens }: PromptPart,
  room: ScheduleOptions['room'],
): Promise<(number | null)[]> {
  const limits: (number | null)[] = []
  const rows = prompts.entries()
  const ask = async () => {
    for (const [index, row] of rows) limits[index] = maxTokens ?? row.maxTokens ?? (await room(row.prompt))
  }
  await Promise.all(Array.from({ length: ROOM_QUESTIONS }, ask))
  return limits
}
