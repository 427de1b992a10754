import { LayerlineError } from '../../base/errors.ts'

/** Runs at most so many pieces of work at a time; further ones wait in line, and too long a line is refused. */
export class Gate {
  private readonly atOnce: number
  private readonly longest: number
  private readonly waiting: (() => void)[] = []
  private running = 0

  constructor(atOnce: number, longest = 200) {
    this.atOnce = atOnce
    this.longest = longest
  }

  /** Throws `usage/busy` if the queue is too long, `usage/cancelled` if no client waits for the answer any more. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.running >= this.atOnce) {
      if (this.waiting.length >= this.longest) {
        throw new LayerlineError('usage/busy', 'too many questions at once', { hint: 'ask again in a second' })
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    } else this.running++
    try {
      if (signal?.aborted === true) throw new LayerlineError('usage/cancelled', 'the question was taken back')
      return await work()
    } finally {
      // Its place goes to the next in line.
      const next = this.waiting.shift()
      if (next === undefined) this.running--
      else next()
    }
  }
}
