import { hostname } from 'node:os'
import { errorText } from '../../base/errors.ts'
import type { SourceContext, Toggle } from '../../sources/source.ts'
import { CERTIFY, type CertifyBlock, type CertifyTrack } from '../../trace/certify.ts'
import { codeOf } from '../../trace/columns.ts'
import { LAYERS } from '../../trace/tables.ts'
import { type Block, blockAt } from './block-order.ts'

/** The part of a step, after its switches, that is not counted: their side effects settle. */
const SETTLE_SHARE = 0.1
/** Detaching and attaching takes seconds: a block of such a layer has at least this many steps. */
const STEPS_DETACHED = 4

interface Layer {
  readonly toggle: Toggle
  readonly steps: number
  readonly track: number
  on: boolean
}

/**
 * How many steps make a block of each layer: twice as many as of the one before. So the earlier layers are on for
 * exactly half of each of its blocks, and the later ones do not switch during a pair of its blocks: the cost of one
 * layer is not attributed to another.
 */
export function stepsOf(toggles: readonly Pick<Toggle, 'off'>[]): number[] {
  let steps = 1
  return toggles.map(({ off }) => {
    const own = off === 'detached' ? Math.max(STEPS_DETACHED, steps) : steps
    steps = 2 * own
    return own
  })
}

/**
 * Switches each layer off and on in blocks of its own order during a run, and records when. All layers switch between
 * the same steps, so that no block has a switch in it; a step starts once all switches are done and have settled.
 */
export class Certifier {
  private readonly context: SourceContext
  private readonly seed: number
  private readonly stepMs: number
  private layers: Layer[]
  private stopped = false
  private wake: () => void = () => undefined
  private readonly running: Promise<void>

  /** Begins at once; all layers are on. */
  constructor(context: SourceContext, toggles: readonly Toggle[], options: { seed: number; blockS: number }) {
    this.context = context
    this.seed = options.seed
    this.stepMs = options.blockS * 1000
    const inOrder = [...toggles].sort((a, b) => Number(a.off === 'detached') - Number(b.off === 'detached'))
    const steps = stepsOf(inOrder)
    this.layers = inOrder.map((toggle, i) => {
      const own = steps[i] as number
      return { toggle, steps: own, track: this.makeTrack(toggle, own), on: true }
    })
    if (this.layers.length === 0) context.note('certify: this run has no layer that can be switched off')
    this.running = this.run()
  }

  /** Ends the current block; the layers stay as they are, and end as usual. */
  async stop(): Promise<void> {
    this.stopped = true
    this.wake()
    await this.running
  }

  private async run(): Promise<void> {
    for (let step = 0; !this.stopped && this.layers.length > 0; step++) {
      const blocks = new Map(
        this.layers.map((layer) => [layer, blockAt(this.seed, layer.toggle.name, layer.steps, step)]),
      )
      await Promise.all([...blocks].map(([layer, { on }]) => this.switchTo(layer, on)))
      await this.sleep(SETTLE_SHARE * this.stepMs)
      if (this.stopped) return
      const fromNs = this.context.clock.now()
      await this.sleep((1 - SETTLE_SHARE) * this.stepMs)
      const toNs = this.context.clock.now()
      for (const layer of this.layers) this.write(layer, blocks.get(layer) as Block, fromNs, toNs)
    }
  }

  /** A layer that cannot be switched is not compared from then on. */
  private async switchTo(layer: Layer, on: boolean): Promise<void> {
    if (layer.on === on) return
    try {
      await (on ? layer.toggle.resume() : layer.toggle.pause())
      layer.on = on
    } catch (error) {
      this.layers = this.layers.filter((each) => each !== layer)
      this.context.note(`certify: ${layer.toggle.name} cannot be switched any more: ${errorText(error)}`)
    }
  }

  private async sleep(ms: number): Promise<void> {
    if (this.stopped) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  private makeTrack({ name, off }: Toggle, steps: number): number {
    const track = this.context.trackId()
    const attrs: CertifyTrack = { certifies: name, off, block_ns: steps * this.stepMs * 1e6 }
    this.context.writers.tracks.append({
      track_id: track,
      layer: codeOf(LAYERS, 'client'),
      host: hostname(),
      name: CERTIFY,
      unit: 'ns',
      clock: 'run',
      attrs: JSON.stringify(attrs),
    })
    return track
  }

  private write({ toggle, track }: Layer, { pair, on }: Block, fromNs: number, toNs: number): void {
    const args: CertifyBlock = { pair, on: on ? 1 : 0 }
    this.context.writers.slices.append({
      slice_id: this.context.sliceId(),
      track_id: track,
      t_ns: fromNs,
      dur_ns: toNs - fromNs,
      name_id: this.context.nameId(`${toggle.name} ${on ? 'on' : 'off'}`),
      category: CERTIFY,
      args: JSON.stringify(args),
    })
  }
}
