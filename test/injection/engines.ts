import type { Engine, StartOptions } from '../../src/engines/care/engine.ts'
import { startLlamacpp } from '../../src/engines/llamacpp/control.ts'
import { installLlamacpp } from '../../src/engines/llamacpp/install/install.ts'
import { startVllm } from '../../src/engines/vllm/control.ts'
import { installVllm } from '../../src/engines/vllm/install.ts'

/** A managed engine with the small model. */
export function startEngine(name: 'llamacpp' | 'vllm', options: StartOptions = {}): Promise<Engine> {
  return name === 'llamacpp' ? startLlamacpp(options) : startVllm(options)
}

/** The file or folder of the small model that a managed engine loads. */
export async function installedModel(name: 'llamacpp' | 'vllm'): Promise<string> {
  return (await (name === 'llamacpp' ? installLlamacpp() : installVllm())).modelPath
}
