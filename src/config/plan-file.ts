import { z } from 'zod'
import { learnSecrets } from '../base/secrets/secrets.ts'
import { SETTINGS, type SettingName, yamlName } from './settings-table.ts'
import { type YamlDocument, yamlDocument } from './yaml-document.ts'
import { readYamlText, type YamlFile } from './yaml-file.ts'

/** What a target may say, and the top of the plan for all of them. */
const TARGET_SETTINGS = [
  'url',
  'model',
  'endpoint',
  'headers',
  'apiKeyFile',
  'ca',
  'insecure',
  'connectTimeout',
  'firstTokenTimeout',
  'idleTimeout',
  'timeout',
  'gpu',
  'gpuList',
  'gpuKeyPath',
  'sshConfig',
  'engineMetrics',
] as const satisfies SettingName[]

/** What a stage may say, and the top of the plan for all of them. */
const STAGE_SETTINGS = ['stage', 'sizes', 'repeat', 'maxTokens', 'temperature', 'topP'] as const satisfies SettingName[]

/** What holds for the whole plan. */
const PLAN_SETTINGS = ['seed', 'warmup', 'concurrency', 'sampleMs'] as const satisfies SettingName[]

const optional = (names: readonly SettingName[]) =>
  Object.fromEntries(names.map((name) => [yamlName(name), (SETTINGS[name].schema as z.ZodType).optional()]))
const periods = z.int('expected a whole number of sampling periods').min(0, 'expected at least 0')
const more = {
  ignore_eos: z.boolean().optional(),
  body: z.record(z.string(), z.unknown(), 'expected fields for the request body').optional(),
}
const targetSchema = z.strictObject({
  ...optional(TARGET_SETTINGS),
  name: z
    .string('expected a name')
    .regex(/^[A-Za-z0-9][\w.-]{0,63}$/, 'expected letters, digits, `.`, `_` and `-`: it names a folder'),
  url: SETTINGS.url.schema,
})
const stageSchema = z.strictObject({ ...optional(STAGE_SETTINGS), ...more, prompts: SETTINGS.promptFile.schema })
const planSchema = z.strictObject({
  ...optional([...TARGET_SETTINGS.filter((name) => name !== 'url'), ...STAGE_SETTINGS, ...PLAN_SETTINGS]),
  ...more,
  order: z.enum(['random', 'given']).default('random'),
  pre_roll: periods.default(2),
  post_roll: periods.default(5),
  stream: z.boolean().default(true),
  texts: z.boolean().default(false),
  token_ids: z.boolean().default(false),
  targets: z.array(targetSchema).min(1, 'expected at least one target'),
  stages: z.array(stageSchema).min(1, 'expected at least one stage'),
})
type Plan = z.output<typeof planSchema>

/** A plan for `trace`: which servers, which prompts, how often, in what order. */
export interface PlanFile {
  path: string
  order: 'random' | 'given'
  /** Idle sampling periods before and after each request. */
  preRoll: number
  postRoll: number
  stream: boolean
  texts: boolean
  tokenIds: boolean
  /** Settings of the plan itself, for what all targets share. */
  settings: readonly YamlFile[]
  targets: readonly { name: string; settings: readonly YamlFile[] }[]
  stages: readonly { settings: readonly YamlFile[]; ignoreEos: boolean; body: Record<string, unknown> }[]
}

/** Reads a plan. Unknown keys and wrong values are errors `input/yaml` with file, line and column. */
export function readPlanFile(path: string, cwd: string = process.cwd()): PlanFile {
  return parsePlan(readYamlText(path, cwd), path)
}

export function parsePlan(text: string, path: string): PlanFile {
  // An empty file lacks the same keys as an empty map.
  const document = yamlDocument(text.trim() === '' ? '{}' : text, path, RULES) ?? yamlDocument('{}', path, RULES)
  if (document === null) throw new Error('an empty map is a document')
  const { value: plan } = document
  learnSecrets('', [plan.body, ...plan.stages.map(({ body }) => body)])
  const all = [...TARGET_SETTINGS, ...STAGE_SETTINGS, ...PLAN_SETTINGS]
  const top = entriesAt(document, path, [], all)
  return {
    path,
    order: plan.order,
    preRoll: plan.pre_roll,
    postRoll: plan.post_roll,
    stream: plan.stream,
    texts: plan.texts,
    tokenIds: plan.token_ids,
    settings: [top],
    targets: plan.targets.map(({ name }, i) => ({
      name,
      settings: [entriesAt(document, path, ['targets', i], TARGET_SETTINGS), top, NO_OTHER_GPU],
    })),
    stages: plan.stages.map((stage, i) => ({
      settings: [entriesAt(document, path, ['stages', i], [...STAGE_SETTINGS, 'promptFile']), top],
      ignoreEos: stage.ignore_eos ?? plan.ignore_eos ?? false,
      body: { ...plan.body, ...stage.body },
    })),
  }
}

/** SURF_HOST of a .env is one machine, not that of each target. */
const NO_OTHER_GPU: YamlFile = { path: '', entries: new Map([['gpu', { value: 'auto', place: 'default of a plan' }]]) }

const RULES = {
  schema: planSchema.superRefine(({ targets }, context) => {
    const names = targets.map(({ name }) => name)
    const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
    if (twice !== -1) {
      context.addIssue({
        code: 'custom',
        path: ['targets', twice, 'name'],
        message: `two targets named ${names[twice]}`,
      })
    }
  }),
  expected: 'a plan with `targets` and `stages`',
  noun: 'key',
  known: (at: readonly (string | number)[]) =>
    Object.keys((at[0] === 'targets' ? targetSchema : at[0] === 'stages' ? stageSchema : planSchema).shape),
}

/** The settings of one map of the plan, as written, each with its place. */
function entriesAt(
  document: YamlDocument<Plan>,
  path: string,
  at: readonly (string | number)[],
  names: readonly SettingName[],
): YamlFile {
  const map = at.reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], document.written)
  const entries = names.flatMap((name) => {
    const value = (map as Record<string, unknown>)[yamlName(name)]
    return value === undefined ? [] : [[name, { value, place: document.placeOf([...at, yamlName(name)]) }] as const]
  })
  return { path, entries: new Map(entries) }
}
