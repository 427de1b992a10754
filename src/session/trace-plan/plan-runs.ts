import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LayerlineError } from '../../base/errors.ts'
import { openRun } from '../../store/read/open-run.ts'
import { readRunJson, runJsonFile } from '../../store/run-folder.ts'
import { withoutSecretsIn } from '../../store/run-secrets.ts'
import { recoverRun } from '../recover-run.ts'

/** What a run's config keeps of the plan that it is a part of, as `config.plan`. */
const partSchema = z.object({
  target: z.string(),
  /** Of the whole plan at this target, warm-up apart. */
  requests: z.number(),
  /** What the schedule follows from: a part that differs in any of it belongs to another plan. */
  identity: z.record(z.string(), z.unknown()),
})
export type PlanPart = z.infer<typeof partSchema>

/** A sealed run that is a part of a plan. */
export interface PlanRun extends PlanPart {
  folder: string
  seed: number
  model: string | null
}

/**
 * The runs of plans in a folder, oldest first; what a crash left open is sealed first. Nothing else is remembered of a
 * plan, so nothing can tell otherwise than its runs. Throws `input/still-recording` where one is still recorded.
 */
export async function findPlanRuns(out: string, recovered: (folder: string) => void): Promise<PlanRun[]> {
  if (!existsSync(out)) return []
  const found: PlanRun[] = []
  for (const folder of foldersIn(out)) {
    if (!existsSync(runJsonFile(folder))) continue
    let run = readRunJson(folder)
    const part = partSchema.safeParse(run.config.plan)
    if (!part.success) continue
    if (run.state !== 'sealed') {
      run = (await recoverRun(folder)).run
      recovered(folder)
    }
    found.push({ ...part.data, folder, seed: run.seed, model: run.engine?.model ?? null })
  }
  return found
}

/**
 * The folder of a target's next run: `<target>-<n>`, one more than the highest existing number, whether that is a run
 * or not.
 */
export function nextFolder(out: string, target: string): string {
  const numbers = !existsSync(out)
    ? []
    : readdirSync(out).map((name) => (name.startsWith(`${target}-`) ? Number(name.slice(target.length + 1)) : 0))
  return join(out, `${target}-${1 + Math.max(0, ...numbers.filter(Number.isSafeInteger))}`)
}

/** Ids of the measured requests that were answered. */
export async function answeredIn(folder: string): Promise<number[]> {
  const reader = await openRun(folder)
  try {
    const rows = await reader.query("SELECT request_id FROM requests WHERE phase = 'measured' AND status = 'ok'")
    return rows.map(({ request_id }) => Number(request_id))
  } finally {
    await reader.close()
  }
}

/** Throws `input/plan-differs` where a run was made by another plan, with what differs. */
export function checkSamePlan(run: PlanRun, now: Record<string, unknown>): void {
  const identity = withoutSecretsIn(now)
  const names = Object.keys({ ...run.identity, ...identity })
  const differing = names.filter((name) => JSON.stringify(run.identity[name]) !== JSON.stringify(identity[name]))
  if (differing.length === 0) return
  const what = differing.map((name) => `${name}: ${brief(run.identity[name])}, now ${brief(identity[name])}`)
  throw new LayerlineError('input/plan-differs', `${run.folder}: made by another plan: ${what.join('; ')}`, {
    hint: 'give another --out, or the plan as it was',
  })
}

function brief(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length <= 200 ? text : `${text.slice(0, 199)}…`
}

function foldersIn(out: string): string[] {
  const collator = new Intl.Collator('en', { numeric: true })
  return readdirSync(out, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort(collator.compare)
    .map((name) => join(out, name))
}
