/** The engines that are managed, by the names that commands take; `engines.ts` has an entry for each. */
export const ENGINE_NAMES = ['llamacpp', 'vllm'] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** Taken where a command names none. */
export const DEFAULT_ENGINE: EngineName = 'llamacpp'
