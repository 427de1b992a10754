import type { Engine, StartOptions } from '../../src/engines/care/engine.ts'
import { startLlamacpp } from '../../src/engines/llamacpp/control.ts'
import { startVllm } from '../../src/engines/vllm/control.ts'

/** An engine in our care with the small model. */
export function startEngine(name: 'llamacpp' | 'vllm', options: StartOptions = {}): Promise<Engine> {
  return name === 'llamacpp' ? startLlamacpp(options) : startVllm(options)
}
