import { isSecretName } from '../base/secrets/secret-names.ts'
import { redact } from '../base/secrets/secrets.ts'
import { safeFields } from '../config/without-secrets.ts'
import type { RunJson } from '../trace/run-json.ts'

/** A run.json without any secret this process knows of. What the format itself fixes (state, clocks, codes) stays as it is. */
export function withoutKnownSecrets(run: RunJson): RunJson {
  const { config, sampling, plan, hosts, engine, verdict } = run
  const { settings, ...others } = config
  return {
    ...run,
    config: { ...withoutSecretsIn(others), ...(settings === undefined ? {} : { settings: clean(settings) }) },
    sampling: withoutSecretsIn(sampling),
    plan: plan && { ...plan, schedule: withoutSecretsIn(plan.schedule), prompts: withoutSecretsIn(plan.prompts) },
    hosts: clean(hosts),
    engine: engine === null ? null : { ...clean(engine), arguments: cleanArguments(engine.arguments) },
    verdict: verdict.map((line) => ({ ...line, text: redact(line.text) })),
  }
}

/** What run.json keeps of a value of the user's own: compare with it, not with the value. */
export function withoutSecretsIn<T>(value: T): T {
  return clean(safeFields(value))
}

function clean<T>(value: T): T {
  if (typeof value === 'string') return redact(value) as T
  if (Array.isArray(value)) return value.map(clean) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, clean(each)])) as T
}

/** `--api-key X` of a server's command line. */
function cleanArguments(words: readonly string[] | null): string[] | null {
  if (words === null) return null
  return words.map((word, i) => {
    const before = words[i - 1] ?? ''
    if (!word.startsWith('-') && before.startsWith('--') && !before.includes('=') && isSecretName(before)) return '***'
    const [, name = ''] = /^(--[\w-]+)=/.exec(word) ?? []
    return name !== '' && isSecretName(name) ? `${name}=***` : redact(word)
  })
}
