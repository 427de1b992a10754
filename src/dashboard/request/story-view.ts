import type { RequestStory, StoryPart, StoryToken, TokenStory } from '../../analysis/attribution/request-story.ts'
import type { PartCosts } from '../../analysis/attribution/run-costs.ts'
import { duration, many, percent, threeDigits, wholeNumber } from '../../analysis/quantity.ts'
import { victimText } from '../report/interference-view.ts'
import { heading, type ReportTextOptions } from '../report/report-view.ts'
import { durationOr, NARROW, NOTHING } from '../text/format.ts'
import { type Paint, paintFor } from '../text/paint.ts'
import { bar, sparkline } from '../text/sparkline.ts'
import { table } from '../text/table.ts'
import { clip, printable, wrap } from '../text/text.ts'
import { spanLines } from './span-lines.ts'
import { type StackPart, stackedBar } from './stacked-bar.ts'

const TOKENS_SHOWN = 8
const WORK_SHOWN = 10
const COSTS_SHOWN = 5
const NAME_COLUMNS = 40

const PART_WORDS: Readonly<Record<StoryPart, string>> = {
  due_to_sent: 'due to sent: waiting in the client',
  queue: "queue: sent to the scheduler's first step",
  prefill: 'prefill: first step to the end of the one that gave the first token',
  to_client: 'to the client: from that end to our socket',
  first_token: 'first token: way, queue and prefill',
  decode: 'decode: first token to last',
  end: 'end of the stream',
}

/** A request to read: where its time went, its tokens by the steps that made them, the token asked for, and what costs most. */
export function storyText(story: RequestStory, { width: asked, color }: ReportTextOptions): string {
  const width = Math.min(110, Math.max(60, asked))
  const paint = paintFor(color)
  const sections: [string, string[]][] = [
    ['where its time went', partLines(story, width, paint)],
    ['who delayed it', delayLines(story, width)],
    ['what its server says (OTLP)', spanLines(story.server_spans, paint)],
    [tied(story) ? 'its tokens, by the steps that made them' : 'its tokens', tokenLines(story, width, paint)],
    ...(story.token === null ? [] : [tokenSection(story, story.token, width, paint)]),
    ...(story.costs?.parts ?? []).map((part): [string, string[]] => [
      `the run: what ${part.part} costs per output token`,
      costLines(story, part, width, paint),
    ]),
    ['how it is known', knownLines(story, width, paint)],
  ]
  const body = sections
    .filter(([, lines]) => lines.length > 0)
    .flatMap(([title, lines]) => [
      '',
      heading(title, width, paint),
      ...lines.map((line) => (line === '' ? '' : `  ${line}`)),
    ])
  return `${[...headLines(story, width, paint), ...body].join('\n')}\n`
}

function delayLines({ interference: victim }: RequestStory, width: number): string[] {
  return victim === null || victim.lost_ms === 0 ? [] : wrap(victimText(victim), width - 2)
}

function headLines(story: RequestStory, width: number, paint: Paint): string[] {
  const status = story.status === 'ok' ? paint.green('ok') : paint.red(story.status)
  const prompt = story.prompt_id === null ? '' : ` · prompt ${printable(story.prompt_id)}`
  const count = (n: number | null) => (n === null ? NOTHING : wholeNumber(n))
  const facts = [
    `${count(story.input_tokens)} tokens in${story.cached_tokens ? `, ${count(story.cached_tokens)} of them cached` : ''}`,
    `${count(story.output_tokens)} out`,
    ...stages(story),
    ...(story.preemptions > 0 ? [many('preemption', story.preemptions)] : []),
    ...(story.phase === 'measured' ? [] : [story.phase]),
  ]
  return [
    `${paint.bold(clip(`request ${story.request_id}${prompt}`, width - 12))}  ${status}`,
    paint.dim(clip(`${facts.join(' · ')} · ${printable(story.run_id)}`, width)),
    ...(story.error === null ? [] : wrap(printable(story.error), width).map(paint.red)),
    ...(story.profiled ? [paint.yellow(clip('slowed: the profiler of its server ran or wrote meanwhile', width))] : []),
  ]
}

/** `2 steps of chunked prefill`, `40 of decode`. */
function stages({ steps }: RequestStory): string[] {
  const names = [...new Set(steps.map(({ stage }) => stage))]
  return names.map((name, i) => {
    const n = steps.filter(({ stage }) => stage === name).length
    return `${i === 0 ? many('step', n) : wholeNumber(n)} of ${name}`
  })
}

function partLines({ parts }: RequestStory, width: number, paint: Paint): string[] {
  const total = parts.reduce((sum, { ms }) => sum + Math.max(0, ms), 0)
  if (total === 0) return []
  const stack: StackPart[] = parts.map(({ part, ms }) => ({
    text: PART_WORDS[part],
    value: Math.max(0, ms),
    shown: duration(ms),
  }))
  return stackedBar(stack, total, width - 2, paint)
}

/** Whether any of its tokens is tied to a step. */
function tied({ tokens }: RequestStory): boolean {
  return tokens.some(({ step_id }) => step_id !== null)
}

/** The first tokens, then those that took longest; each with its step where any is known. */
function tokenLines(story: RequestStory, width: number, paint: Paint): string[] {
  const { tokens, steps, token: asked } = story
  const stepped = tied(story)
  if (tokens.length === 0) return []
  const slowest = tokens.toSorted((a, b) => (b.gap_ms ?? 0) - (a.gap_ms ?? 0)).slice(0, TOKENS_SHOWN / 2)
  const shown = tokens.filter(
    (each, i) => i < TOKENS_SHOWN / 2 || slowest.includes(each) || each.token === asked?.token,
  )
  const most = Math.max(...tokens.map(({ gap_ms }) => gap_ms ?? 0))
  const wide = width >= NARROW
  const right = (title: string) => ({ title, align: 'right' as const })
  const lines = table(
    [
      right('token'),
      ...(width < 72 ? [] : [right('at')]),
      right('gap'),
      ...(wide ? [{ title: '' }] : []),
      ...(stepped
        ? [
            { title: 'step' },
            right('took'),
            ...(wide ? [right('its tokens')] : []),
            right('share'),
            ...(wide ? [right('to client')] : []),
          ]
        : [right('stamp late by up to'), { title: '' }]),
    ],
    shown.map((token) => {
      const step = steps.find(({ step_id }) => step_id === token.step_id)
      const marked = token.token === asked?.token
      const slow = slowest.includes(token) ? paint.yellow : paint.cyan
      return [
        {
          text: `${marked ? '▸ ' : ''}${numbers(token)}`,
          paint: marked ? (text: string) => paint.bold(paint.cyan(text)) : paint.bold,
        },
        ...(width < 72 ? [] : [duration(token.at_ms)]),
        durationOr(token.gap_ms),
        ...(wide ? [{ text: bar((token.gap_ms ?? 0) / (most || 1), 8), paint: slow }] : []),
        ...(stepped
          ? [
              step === undefined ? NOTHING : step.kind === step.stage ? step.kind : `${step.kind} (${step.stage})`,
              durationOr(step?.ms ?? null),
              ...(wide ? [step === undefined ? NOTHING : `${step.tokens} of ${step.step_tokens}`] : []),
              step === undefined ? NOTHING : percent(step.share),
              ...(wide ? [durationOr(token.delivery_ms)] : []),
            ]
          : [durationOr(token.stamp_late_ms), token.coalesced ? 'in one read with the one before' : '']),
      ]
    }),
    paint.dim,
  )
  const gaps = tokens.flatMap(({ gap_ms }) => (gap_ms === null ? [] : [gap_ms]))
  const all =
    gaps.length > shown.length
      ? [
          paint.dim(`all gaps, 0–${duration(most)}: `) +
            paint.cyan(sparkline(binned(gaps, Math.min(60, width - 30)), most)),
        ]
      : []
  return [...lines, ...all]
}

function numbers({ token, tokens }: StoryToken): string {
  return tokens > 1 ? `${token}–${token + tokens - 1}` : String(token)
}

/** The longest of each stretch. */
function binned(values: readonly number[], bins: number): number[] {
  const count = Math.min(bins, values.length)
  return Array.from({ length: count }, (_, i) => {
    const [from, to] = [Math.floor((i * values.length) / count), Math.floor(((i + 1) * values.length) / count)]
    return Math.max(...values.slice(from, to))
  })
}

function tokenSection(story: RequestStory, token: TokenStory, width: number, paint: Paint): [string, string[]] {
  const { step, step_parts: parts, step_work: work } = token
  const name = `token ${numbers(token)}`
  if (step === null) return [name, wrap(unsteppedText(story, token), width - 2)]
  const title = `${name}: step ${step.step_id}, ${step.kind}, ${duration(step.ms)}`
  const others =
    step.tokens < step.step_tokens ? `, beside ${many('token', step.step_tokens - step.tokens)} of others` : ', alone'
  const told = `${many('token', step.tokens)} of this request${others}: ${percent(step.share)} of the step, ${duration(step.own_ms)}, is its own`
  const lines = wrap(told, width - 2)
  if (parts === null) return [title, [...lines, paint.dim('not profiled: what ran in it is not known (--profile)')]]
  const what = story.work === 'kernels' ? 'kernels' : 'operators'
  const stack: StackPart[] = [
    {
      text: `before the first of its ${what}: scheduling, inputs`,
      value: parts.before_ms,
      shown: duration(parts.before_ms),
    },
    { text: `${what} running`, value: parts.busy_ms, shown: duration(parts.busy_ms) },
    ...gapParts(story, parts),
    { text: 'after the last: sampling, outputs', value: parts.after_ms, shown: duration(parts.after_ms) },
  ]
  const most = work[0]?.ms ?? 0
  const rest = work.slice(WORK_SHOWN)
  const rows = table(
    [
      {
        title: what === 'kernels' ? 'kernel' : 'operator (in place of a kernel)',
        max: Math.min(NAME_COLUMNS, width - 44),
      },
      { title: 'n', align: 'right' },
      { title: 'took', align: 'right' },
      { title: 'of the step', align: 'right' },
      { title: '' },
    ],
    work
      .slice(0, WORK_SHOWN)
      .map((each) => [
        printable(each.name),
        wholeNumber(each.count),
        duration(each.ms),
        percent(each.ms / step.ms),
        { text: bar(each.ms / (most || 1), 16), paint: paint.cyan },
      ]),
    paint.dim,
  )
  const more =
    rest.length === 0
      ? []
      : [paint.dim(`and ${many('other', rest.length)}, ${duration(rest.reduce((sum, { ms }) => sum + ms, 0))}`)]
  return [title, [...lines, '', ...stackedBar(stack, step.ms, width - 2, paint), '', ...rows, ...more]]
}

/** What the client itself knows of a token: its gap among those of the answer, and how far its time stamp can be trusted. */
function unsteppedText({ tokens }: RequestStory, token: TokenStory): string {
  const gaps = tokens.flatMap(({ gap_ms: gap }) => (gap === null ? [] : [gap])).sort((a, b) => a - b)
  const { gap_ms: gap, stamp_late_ms: late } = token
  const at = `It came ${duration(token.at_ms)} after the request was sent`
  const rank =
    gap === null
      ? ', the first of its answer: the wait for it is in the parts above'
      : `, ${duration(gap)} after the one before; the median gap of the answer is ${durationOr(gaps[Math.floor((gaps.length - 1) / 2)] ?? null)}, and ${wholeNumber(gaps.filter((each) => each > gap).length)} of ${many('gap', gaps.length)} are longer`
  const stamp = late === null ? '' : `. Its time stamp may be up to ${duration(late)} late`
  const read = token.coalesced ? '; it came in one read with the event before' : ''
  return `${at}${rank}${stamp}${read}. No step is known that made it: record the engine's step log to see it (docs/steps.md)`
}

function gapParts({ work }: RequestStory, parts: NonNullable<TokenStory['step_parts']>): StackPart[] {
  if (parts.launch_gap_ms === null) {
    const text = work === 'kernels' ? 'gaps between them' : 'gaps between them: on a CPU, Python and dispatch'
    return [{ text, value: parts.gap_ms, shown: duration(parts.gap_ms) }]
  }
  const other = parts.gap_ms - parts.launch_gap_ms
  return [
    {
      text: 'launch gap: nothing ran, the next was not launched yet',
      value: parts.launch_gap_ms,
      shown: duration(parts.launch_gap_ms),
    },
    { text: 'other gaps', value: other, shown: duration(other) },
  ]
}

function costLines({ costs, work }: RequestStory, part: PartCosts, width: number, paint: Paint): string[] {
  if (costs === null) return []
  const each = (ms: number) => (costs.output_tokens === 0 ? NOTHING : duration(ms / costs.output_tokens))
  const most = part.work[0]?.ms ?? 0
  return [
    ...wrap(
      `${each(part.ms)} for each of ${many('output token', costs.output_tokens)}, in ${many('profiled step', costs.steps)}; ${percent(part.outside_ms / part.ms)} of it outside ${work === 'kernels' ? 'kernels' : 'operators'}`,
      width - 2,
    ),
    ...table(
      [
        { title: 'name', max: Math.min(NAME_COLUMNS, width - 44) },
        { title: 'n', align: 'right' },
        { title: 'per output token', align: 'right' },
        { title: `of ${part.part}`, align: 'right' },
        { title: '' },
      ],
      part.work
        .slice(0, COSTS_SHOWN)
        .map(({ name, count, ms }) => [
          printable(name),
          wholeNumber(count),
          each(ms),
          percent(ms / part.ms),
          { text: bar(ms / (most || 1), 16), paint: paint.cyan },
        ]),
      paint.dim,
    ),
  ]
}

function knownLines(story: RequestStory, width: number, paint: Paint): string[] {
  const { tokens, split, work, steps } = story
  const tied = tokens.filter(({ step_id }) => step_id !== null)
  const how = [...new Set(tied.flatMap(({ confidence }) => (confidence === null ? [] : [confidence])))].join(', ')
  const profiled = steps.filter(({ profile_step_id }) => profile_step_id !== null).length
  return [
    steps.length === 0
      ? "steps: not known; the engine's log of its steps tells them: docs/steps.md"
      : `token to step: ${how || 'unresolved'}, ${tied.length} of ${many('event', tokens.length)}`,
    ...(story.server_spans.length === 0
      ? []
      : ["the server's spans: how long each was is the server's word; where its parts lie is good to some ms"]),
    ...(steps.length === 0
      ? []
      : [
          `step to its ${work === 'kernels' ? 'kernels' : 'operators'}: ${profiled === 0 ? 'not profiled (--profile)' : `measured, ${profiled} of ${many('step', steps.length)} profiled`}${work === 'cpu_op' ? '; nothing ran on a GPU: operators, by their own time, stand in for kernels' : ''}`,
          `step to its requests: modelled, ${split === 'tokens' ? 'by the tokens of each' : 'equal shares'} (--split); ${threeDigits(steps.reduce((sum, { own_ms }) => sum + own_ms, 0))} of ${threeDigits(steps.reduce((sum, { ms }) => sum + ms, 0))} ms of its steps are its own`,
        ]),
  ].flatMap((line) => wrap(line, width - 2).map(paint.dim))
}
