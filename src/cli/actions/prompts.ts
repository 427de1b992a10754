import { randomInt } from 'node:crypto'
import { EXIT, LayerlineError } from '../../base/errors.ts'
import { loadSettings, type Settings } from '../../config/settings.ts'
import { printable } from '../../dashboard/text/text.ts'
import { chooseModel } from '../../session/model-choice.ts'
import { generatorSource } from '../../session/prompt-sets/generator-source.ts'
import { JsonApi } from '../../session/prompt-sets/json-api.ts'
import { makePromptSet } from '../../session/prompt-sets/make-prompt-set.ts'
import { tokenizerFromServer } from '../../session/prompt-sets/server-tokenizer.ts'
import { StopSignal } from '../../session/stop-signal.ts'
import { probeServer } from '../../sources/requests/probe.ts'
import { resolveTarget } from '../../sources/requests/target.ts'
import { checkPlan, type PromptSetPlan } from '../../workload/prompt-sets/plan.ts'
import { checkOut, formatOf, partOf, seedOfPart } from '../../workload/prompt-sets/prompt-set-file.ts'
import { grammarSource, type TextSource } from '../../workload/prompt-sets/text-source.ts'
import type { Tokenizer } from '../../workload/prompt-sets/tokenizer.ts'
import { tokenizerFromFile } from '../../workload/prompt-sets/tokenizer-json.ts'
import type { Run } from '../command.ts'
import { type OPTIONS, type promptsCommand, SIZES } from '../commands/prompts.ts'
import { targetFrom } from '../from-options/target-options.ts'
import type { OptionValues } from '../options.ts'
import { progressLine } from '../views/progress-line.ts'
import { promptSetText } from '../views/prompt-set-text.ts'

type Options = OptionValues<(typeof OPTIONS)[number]>

/** Names of the generator's own key: the server's must not go to it. */
const GENERATOR_KEY_NAMES = ['LAYERLINE_GENERATOR_API_KEY', 'NEBULA_API_KEY', 'OPENAI_API_KEY'] as const
/** Tokenizing is the server's work; more at once only wait there. */
const TOKENIZE_CONNECTIONS = 8

export const runPrompts: Run<typeof promptsCommand> = async ({ options }) => {
  const out = options.out ?? ''
  const settings = loadSettings({ flags: options, envFile: options['env-file'] })
  const seed = settings.get('seed') ?? (await seedOfPart(out)) ?? randomInt(2 ** 31)
  const plan = planFrom(options, seed)
  checkArguments(options, plan)
  const apis: JsonApi[] = []
  const stop = new StopSignal().install()
  const stopped = new Promise<void>((resolve) => stop.onChange(() => resolve()))
  const progress = progressLine(process.stderr, options.quiet)
  try {
    const generator = plan.stage === 'prefill' ? generatorFrom(options, settings, plan, apis) : null
    const tokenizer = await tokenizerFrom(options, settings, plan, apis)
    const summary = await makePromptSet({
      plan,
      out,
      tokenizer,
      source: generator ?? grammarSource(plan),
      concurrency: generator === null ? TOKENIZE_CONNECTIONS : (options.concurrency ?? 4),
      stopped,
      onProgress: (done, total) => progress.show('prompts', done / total, `${done}/${total}`),
    })
    progress.clear()
    if (!summary.whole) {
      process.stderr.write(`stopped after ${summary.rows} prompts: ${partOf(out)}; the same command resumes it\n`)
      return EXIT.interrupted
    }
    if (options.json) process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`)
    else if (!options.quiet) process.stdout.write(promptSetText(summary))
    return EXIT.done
  } finally {
    progress.clear()
    stop.release()
    for (const api of apis) api.close()
  }
}

function planFrom(options: Options, seed: number): PromptSetPlan {
  const stage = options.stage === 'decode' ? 'decode' : 'prefill'
  return {
    stage,
    sizes: (options.sizes ?? SIZES).map(Number),
    perSize: options['per-size'] ?? 100,
    unit: (options.unit ?? (stage === 'decode' ? 'words' : 'tokens')) === 'words' ? 'words' : 'tokens',
    seed,
    salt: options.salt ?? String(seed),
    sharedPrefix: options['shared-prefix'] ?? 0,
    tokenIds: options['token-ids'],
  }
}

function checkArguments(options: Options, plan: PromptSetPlan): void {
  const bad = (what: string, hint?: string) =>
    new LayerlineError('usage/arguments', what, hint === undefined ? {} : { hint })
  const odd = options.sizes?.find((size) => !/^\d+$/.test(size))
  if (odd !== undefined) throw bad(`--sizes ${odd}: expected whole numbers between commas, like 10,50,100`)
  checkPlan(plan)
  const format = formatOf(options.out ?? '')
  checkOut(options.out ?? '')
  if (plan.tokenIds && format.header !== '') {
    throw bad('--token-ids: a CSV has only text', 'give --out a name that ends in .jsonl')
  }
  const onlyPrefill = (['generator-url', 'generator-model', 'salt'] as const).find(
    (name) => options[name] !== undefined,
  )
  if (plan.stage === 'decode' && onlyPrefill !== undefined) {
    throw bad(`--${onlyPrefill} is for --stage prefill: decode prompts have no text of their own`)
  }
  if ((options['generator-url'] === undefined) !== (options['generator-model'] === undefined)) {
    throw bad('--generator-url and --generator-model go together')
  }
}

function generatorFrom(options: Options, settings: Settings, plan: PromptSetPlan, apis: JsonApi[]): TextSource | null {
  const url = options['generator-url']
  const model = options['generator-model']
  if (url === undefined || model === undefined) return null
  const key = settings.keyOf(GENERATOR_KEY_NAMES, url)
  const target = resolveTarget({ url, ...(key === null ? {} : { apiKey: key.key }) })
  const api = new JsonApi(target, options.concurrency ?? 4)
  apis.push(api)
  return generatorSource({
    api,
    model,
    seed: plan.seed,
    salt: plan.salt,
    keySource: key?.source ?? null,
    keyNames: GENERATOR_KEY_NAMES.slice(0, 2),
    onRetry: (what, waitMs) => {
      if (!options.quiet)
        process.stderr.write(`${printable(what)}; trying again in ${Math.ceil(waitMs / 100) / 10} s\n`)
    },
  })
}

async function tokenizerFrom(
  options: Options,
  settings: Settings,
  plan: PromptSetPlan,
  apis: JsonApi[],
): Promise<Tokenizer | null> {
  const named = options.tokenizer
  if (named !== undefined && named !== 'server') return tokenizerFromFile(named)
  if (named === undefined && settings.get('url') === undefined) {
    if (plan.stage === 'decode' && !plan.tokenIds) return null
    throw new LayerlineError('usage/arguments', 'nothing to count tokens with: no --tokenizer and no --url', {
      hint: "give --tokenizer the folder with the model's tokenizer.json, or --url a server that has /tokenize",
    })
  }
  const target = targetFrom(settings, false)
  const server = await probeServer(target, settings.get('model'))
  const api = new JsonApi(target, TOKENIZE_CONNECTIONS)
  apis.push(api)
  return tokenizerFromServer(api, chooseModel(server, settings.get('model'), target))
}
