/** What a kind of server can do, and how it is distinguished from others. */
interface ServerAbilities {
  /** Words in its models' owner, or in the header `server` of its answers. */
  readonly calledBy: readonly string[]
  /** Owners of models that stand for it alone. */
  readonly owners: readonly string[]
  /** Its completions take a prompt as token ids. */
  readonly takesTokenIds: boolean
  /** It continues after the end-of-sequence token if asked to (`ignore_eos`). */
  readonly ignoresEos: boolean
  /** It counts usage with each event where it is asked to (`continuous_usage_stats`). */
  readonly countsAsItGoes: boolean
  /** It tells its version at `/version`. */
  readonly tellsVersion: boolean
}

const NOTHING: ServerAbilities = {
  calledBy: [],
  owners: [],
  takesTokenIds: false,
  ignoresEos: false,
  countsAsItGoes: false,
  tellsVersion: false,
}

/** Every kind of server, the first that is recognised counts; `unknown` is what none is. */
export const SERVER_KINDS = {
  layerline: { ...NOTHING, calledBy: ['layerline'], takesTokenIds: true, ignoresEos: true, countsAsItGoes: true },
  vllm: {
    calledBy: ['vllm'],
    owners: [],
    takesTokenIds: true,
    ignoresEos: true,
    countsAsItGoes: true,
    tellsVersion: true,
  },
  sglang: { ...NOTHING, calledBy: ['sglang'], takesTokenIds: true, ignoresEos: true },
  'llama.cpp': { ...NOTHING, calledBy: ['llamacpp', 'llama.cpp'], takesTokenIds: true, ignoresEos: true },
  openai: { ...NOTHING, owners: ['openai', 'system'] },
  unknown: NOTHING,
} as const satisfies Record<string, ServerAbilities>

export type ServerKind = keyof typeof SERVER_KINDS

/** The maker: by the owners of its models, else by the header `server` of its answers. */
export function serverKind(owners: readonly string[], header: string): ServerKind {
  const said = [...owners, header].map((name) => name.toLowerCase())
  const kinds = Object.entries(SERVER_KINDS) as [ServerKind, ServerAbilities][]
  const called = kinds.find(([, { calledBy }]) => calledBy.some((word) => said.some((name) => name.includes(word))))
  const owned = kinds.find(([, { owners: own }]) => owners.some((owner) => own.includes(owner)))
  return (called ?? owned)?.[0] ?? 'unknown'
}

/** What a kind can do; nothing for an unknown server. */
export function abilitiesOf(kind: ServerKind | undefined): ServerAbilities {
  return kind === undefined ? NOTHING : SERVER_KINDS[kind]
}
