import { mix32 } from '../synthetic-prompts/mix.ts'

/** 32 well-mixed bits of a number and a seed. */
export function mix(value: number, seed: number): number {
  return mix32(mix32(value ^ mix32(seed)) + Math.imul(seed, 0x9e3779b9)) >>> 0
}

/** The same of a text: FNV-1a, then mixed. */
export function mixText(text: string, seed: number): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash, seed)
}
