import { z } from 'zod'
import { LayerlineError } from '../../../base/errors.ts'
import { nearestName } from '../../../config/nearest-name.ts'
import type { KernelPython } from './kernel-python.ts'
import { lastLine } from './worker-outcome.ts'
import { runWorker } from './worker-process.ts'

const tracerSchema = z.looseObject({
  name: z.string(),
  description: z.string(),
  frameworks: z.array(z.string()),
  exclusive_group: z.string().nullable().default(null),
  version: z.string(),
  modes: z.array(z.string()),
  devices: z.array(z.string()),
  requires: z.array(z.string()).default([]),
  available: z.boolean(),
  why_not: z.string().nullable().default(null),
})
export type Tracer = z.output<typeof tracerSchema>

const describedSchema = tracerSchema.extend({
  doc: z.string().nullish(),
  files: z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())]).nullish(),
})
export type DescribedTracer = z.output<typeof describedSchema>

const LIST_MS = 60_000

/** The tracers that the workers have, those of files of the user's too. */
export async function listTracers(
  python: KernelPython,
  framework: string | undefined,
  paths: readonly string[],
): Promise<Tracer[]> {
  const args = ['list', ...(framework === undefined ? [] : ['--framework', framework]), ...pathArgs(paths)]
  return parsed(z.array(tracerSchema), await workerJson(python, args), 'list')
}

export async function describeTracer(
  python: KernelPython,
  name: string,
  paths: readonly string[],
): Promise<DescribedTracer> {
  return parsed(describedSchema, await workerJson(python, ['describe', name, ...pathArgs(paths)]), `describe ${name}`)
}

export function pathArgs(paths: readonly string[]): string[] {
  return paths.flatMap((path) => ['--tracer-path', path])
}

/** The tracers that were asked for; `all` is those that can do what is wanted. Throws usage/tracers. */
export function chooseTracers(
  all: readonly Tracer[],
  asked: readonly string[],
  wanted: { framework: string; mode: string; device: string },
): Tracer[] {
  const { framework, mode, device } = wanted
  const fits = (tracer: Tracer) =>
    tracer.frameworks.includes(framework) && tracer.modes.includes(mode) && tracer.devices.includes(device)
  if (asked.length === 1 && asked[0] === 'all') {
    const fitting = all.filter(fits)
    if (fitting.length > 0) return fitting
    throw new LayerlineError('usage/tracers', `no tracer for ${framework}, mode ${mode}, on ${device}`, {
      hint: `layerline kernels list --framework ${framework}`,
    })
  }
  return [...new Set(asked)].map((name) => {
    const tracer = all.find((each) => each.name === name)
    if (tracer === undefined) {
      const near = nearestName(
        name,
        all.map((each) => each.name),
      )
      throw new LayerlineError('usage/tracers', `no tracer named ${name}`, {
        hint: near === null ? `there are ${all.map((each) => each.name).join(', ')}` : `did you mean ${near}?`,
      })
    }
    if (fits(tracer)) return tracer
    const { frameworks, modes, devices } = tracer
    throw new LayerlineError('usage/tracers', `${name} does not trace ${framework}, mode ${mode}, on ${device}`, {
      hint: `it does ${frameworks.join(', ')}; ${modes.join(', ')}; on ${devices.join(', ')}`,
    })
  })
}

/** What a short call of the workers prints as JSON. */
export async function workerJson(
  python: KernelPython,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<unknown> {
  const end = await runWorker({
    command: python.command,
    args: ['-m', 'layerline_kernels', ...args],
    env: { ...python.env, ...env },
    log: null,
    timeoutMs: LIST_MS,
    inactivityMs: null,
  })
  const text = end.stdout.slice(Math.max(0, end.stdout.search(/^[[{]/m)))
  try {
    if (end.code === 0) return JSON.parse(text)
  } catch {
    // Reported below.
  }
  const how = end.by === 'timeout' ? `no answer in ${LIST_MS / 1000} s` : lastLine(end.tail)
  throw new LayerlineError('missing/kernel-workers', `${python.command} -m layerline_kernels ${args[0]}: ${how}`, {
    hint: 'expected a Python >= 3.10; --python names another one',
  })
}

function parsed<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new LayerlineError(
    'internal/kernel-workers',
    `layerline_kernels ${what}: ${issue?.path.join('.')}: ${issue?.message}`,
  )
}
