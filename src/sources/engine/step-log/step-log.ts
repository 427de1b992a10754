import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { errorText, LayerlineError } from '../../../base/errors.ts'
import type { PreparedSource, SourceContext } from '../../source.ts'
import { LogLines } from './log-lines.ts'

const POLL_MS = 200
const READ_BYTES = 256 * 1024
/** The end of a run's last step is written after its last token was sent: wait a little for it. */
const LAST_STEP_MS = 300

/**
 * The log of an engine's steps as rows of the layer `engine`, while it grows. `folder` holds `steps-<pid>.jsonl` of each engine
 * core (python/layerline_vllm), on this machine. Throws `input/step-log` where there is none.
 */
export function prepareStepLog(folder: string): PreparedSource {
  const files = stepFiles(folder)
  if (files.length === 0) {
    throw new LayerlineError('input/step-log', `${folder}: no steps-<pid>.jsonl in it`, {
      hint: 'start vLLM with the package layerline-vllm installed and LAYERLINE_STEP_LOG set to this folder',
    })
  }
  return new StepLogSource(files)
}

function stepFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^steps-\d+\.jsonl$/.test(name))
      .map((name) => join(folder, name))
  } catch (cause) {
    throw new LayerlineError('input/step-log', `${folder}: ${errorText(cause)}`, {
      hint: "expected the folder that the engine's LAYERLINE_STEP_LOG names",
      cause,
    })
  }
}

class StepLogSource implements PreparedSource {
  problem: string | null = null
  private readonly files: readonly string[]
  private followers: FileFollower[] = []
  private timer: NodeJS.Timeout | undefined
  private context: SourceContext | null = null

  constructor(files: readonly string[]) {
    this.files = files
  }

  async start(context: SourceContext): Promise<void> {
    this.context = context
    this.followers = this.files.map((file) => new FileFollower(context, file))
    // The part written before the run names requests that may continue in it, and costs one read of the file.
    this.poll()
    this.timer = setInterval(() => this.poll(), POLL_MS)
  }

  async stop(): Promise<void> {
    if (this.context === null) return
    clearInterval(this.timer)
    await sleep(LAST_STEP_MS)
    this.poll()
    for (const follower of this.followers) follower.close()
    this.context = null
  }

  private poll(): void {
    for (const follower of this.followers) {
      try {
        follower.read()
      } catch (error) {
        this.problem ??= `step log: ${errorText(error)}`
      }
      const { problem } = follower
      if (problem !== null && this.problem === null) {
        this.problem = problem
        this.context?.note(problem)
      }
    }
  }
}

/** Reads a file on from where it was. */
class FileFollower {
  private readonly lines: LogLines
  private readonly fd: number
  private readonly buffer = Buffer.allocUnsafe(READ_BYTES)
  private offset = 0

  constructor(context: SourceContext, file: string) {
    // The engine's monotonic clock is the same as Layerline's: the log is read on the machine that writes it.
    this.lines = new LogLines(context, file, ({ monotonic_ns }) => {
      const baseNs = Number(BigInt(monotonic_ns) - context.clock.monotonicBaseNs)
      return { name: 'run', runNs: (sinceHeadNs) => baseNs + sinceHeadNs }
    })
    this.fd = openSync(file, 'r')
  }

  get problem(): string | null {
    return this.lines.problem
  }

  read(): void {
    for (;;) {
      const got = readSync(this.fd, this.buffer, 0, READ_BYTES, this.offset)
      if (got === 0) return
      this.offset += got
      // Ids come from a header of printable ASCII: one byte is one character.
      this.lines.push(this.buffer.toString('latin1', 0, got))
    }
  }

  close(): void {
    closeSync(this.fd)
  }
}
