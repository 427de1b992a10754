import { readFileSync } from 'node:fs'
import { packageFile } from '../../../base/package-files.ts'

/** The cost class of a file's probes: docs/os.md has the measurements. */
export const COSTS = ['low', 'medium', 'high'] as const
export type Cost = (typeof COSTS)[number]

/** What a map of a probe file counts: keys begin with pid and tid, with pid, or with a number that names no process. */
export interface MapSpec {
  readonly name: string
  readonly keys: readonly string[]
  readonly unit: string
  /** `total`: only grows; `hist`: in powers of two; `stack`: by stack. */
  readonly kind: 'total' | 'hist' | 'stack'
  /**
   * The map that holds when the current state started, by the same key; 0: no state. With `states`, one map serves
   * several: bits 4 to 6 of a start name the state, the lower ones are 0.
   */
  readonly since: { readonly map: string; readonly states: readonly number[] | null } | null
  readonly doc: string
}

/** One line that a probe prints: whole numbers by name, and a text that may hold anything; `comm|path`: the name of the thread in its own 16 bytes, then another. */
export interface EventSpec {
  readonly name: string
  readonly fields: readonly string[]
  readonly text: string | null
  readonly doc: string
}

/** A file of bpf/: its header says what it gives, its body is bpftrace with the macros of `compose`. */
export interface ProbeFile {
  readonly name: string
  readonly what: string
  readonly cost: Cost
  readonly maps: readonly MapSpec[]
  readonly events: readonly EventSpec[]
  /** The body is repeated for each symbol that a library has; none: it needs no library. */
  readonly libraries: readonly { readonly name: string; readonly symbols: readonly string[] }[]
  readonly body: string
}

/** Reads `bpf/<name>.bt`. */
export function readProbeFile(name: string): ProbeFile {
  return parseProbeFile(name, readFileSync(packageFile(`bpf/${name}.bt`), 'utf8'))
}

/** Parses the comment at the start of a file; throws if a line of it is not understood. */
export function parseProbeFile(name: string, text: string): ProbeFile {
  const end = text.search(/^(?!\/\/)/m)
  const [title = '', ...lines] = text.slice(0, end).trimEnd().split('\n')
  const file = {
    name,
    what: title.replace(`// ${name}: `, ''),
    cost: 'low' as Cost,
    maps: [] as MapSpec[],
    events: [] as EventSpec[],
    libraries: [] as { name: string; symbols: string[] }[],
    body: text.slice(end).trim(),
  }
  for (const line of lines) {
    const cost = /^\/\/ cost: (\w+)$/.exec(line)
    const library = /^\/\/ library (\S+): (.+)$/.exec(line)
    const map = /^\/\/ @(\w+)\[([^\]]+)\] (\S+)(?: since @(\w+)((?: \d)*))?(?: (hist|stack))?: (.+)$/.exec(line)
    const event = /^\/\/ event (\w+) \{([^}]*)\}(?:\|([\w|]+))?: (.+)$/.exec(line)
    if (cost !== null) file.cost = COSTS.find((each) => each === cost[1]) ?? unread(name, line)
    else if (library !== null) file.libraries.push({ name: library[1] ?? '', symbols: (library[2] ?? '').split(' ') })
    else if (map !== null) {
      const [, mapName = '', keys = '', unit = '', sinceMap, states = '', kind, doc = ''] = map
      const since =
        sinceMap === undefined
          ? null
          : { map: sinceMap, states: states === '' ? null : states.trim().split(' ').map(Number) }
      const kindOf = kind === 'hist' || kind === 'stack' ? kind : 'total'
      file.maps.push({ name: mapName, keys: keys.split(', '), unit, kind: kindOf, since, doc })
    } else if (event !== null) {
      const [, eventName = '', fields = '', rest, doc = ''] = event
      file.events.push({ name: eventName, fields: fields.split(', ').filter(Boolean), text: rest ?? null, doc })
    } else unread(name, line)
  }
  return file
}

function unread(name: string, line: string): never {
  throw new Error(`bpf/${name}.bt: a header line that is not understood: ${line}`)
}
