import type { DescribedTracer, Tracer } from '../../session/kernels/workers/tracers.ts'
import type { Paint } from '../text/paint.ts'
import { table } from '../text/table.ts'
import { clip, printable, wrap } from '../text/text.ts'

export interface TextStyle {
  readonly width: number
  readonly paint: Paint
}

/** The tracers, a line each, and below them why some cannot be used. */
export function tracersText(tracers: readonly Tracer[], { width, paint }: TextStyle): string {
  if (tracers.length === 0) return 'no tracers\n'
  const beside = Math.max(...tracers.map(({ name, frameworks }) => name.length + frameworks.join(', ').length)) + 30
  const lines = table(
    [{ title: 'tracer' }, { title: 'frameworks' }, { title: 'modes' }, { title: 'on' }, { title: 'writes' }],
    tracers.map((tracer) => [
      { text: tracer.name, paint: tracer.available ? paint.bold : paint.dim },
      tracer.frameworks.join(', '),
      tracer.modes.join(', '),
      tracer.devices.join(', '),
      clip(printable(tracer.description), Math.max(24, width - beside)),
    ]),
    paint.dim,
  )
  const missing = tracers.flatMap(({ name, available, why_not }) =>
    available ? [] : [`${paint.yellow('!')} ${name}: ${printable(why_not ?? 'not available here')}`],
  )
  return `${[...lines, ...missing].join('\n')}\n`
}

export function describedText(tracer: DescribedTracer, { width, paint }: TextStyle): string {
  const facts = [
    ['frameworks', tracer.frameworks.join(', ')],
    ['modes', tracer.modes.join(', ')],
    ['devices', tracer.devices.join(', ')],
    ['needs', tracer.requires.join(', ') || 'nothing more'],
    [
      'never beside',
      tracer.exclusive_group === null ? 'runs beside any' : `others of the group ${tracer.exclusive_group}`,
    ],
    ['version', tracer.version],
    ['available', tracer.available ? 'yes' : `no: ${tracer.why_not ?? ''}`],
  ] as const
  const files = Array.isArray(tracer.files)
    ? tracer.files.map((file) => (typeof file === 'string' ? file : JSON.stringify(file)))
    : Object.entries(tracer.files ?? {}).map(([name, what]) => `${name}: ${String(what)}`)
  return `${[
    `${paint.bold(tracer.name)}  ${printable(tracer.description)}`,
    ...facts.map(([name, value]) => `  ${paint.dim(name.padEnd(12))}  ${printable(value)}`),
    ...(tracer.doc
      ? [
          '',
          ...tracer.doc
            .trim()
            .split('\n')
            .flatMap((line) => wrap(printable(line), width)),
        ]
      : []),
    ...(files.length > 0 ? ['', paint.dim('writes'), ...files.map((file) => `  ${printable(file)}`)] : []),
  ].join('\n')}\n`
}
