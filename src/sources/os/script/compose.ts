import type { ProbeFile } from './probe-file.ts'

/** The processes that a script observes. */
export type ScriptTarget =
  /** Processes and what they fork; `childrenOf`: also what this process starts from now on. */
  | { readonly kind: 'processes'; readonly pids: readonly number[]; readonly childrenOf?: number }
  /** A cgroup of version 2, by the path of its folder. */
  | { readonly kind: 'cgroup'; readonly path: string }
  | { readonly kind: 'system' }

export interface ScriptOptions {
  readonly target: ScriptTarget
  /** Threads that already exist, with their processes. */
  readonly threads?: readonly { readonly pid: number; readonly tid: number }[]
  /** TCP ports on which the target already listens. */
  readonly ports?: readonly number[]
  /** Descriptors of GPU devices that are already open. */
  readonly gpuDescriptors?: readonly { readonly pid: number; readonly fd: number }[]
  /** The NUMA node of each CPU; absent: one node. */
  readonly nodes?: readonly number[]
  /** The process whose calls align the clocks. */
  readonly reader: number
  readonly tickMs: number
  /** Most events printed per second; further ones are only counted. */
  readonly eventsPerSecond: number
  /** Where each library was found, by its name in the probe files, and which of the symbols it has. */
  readonly libraries?: readonly FoundLibrary[]
  /** From when, after the start, and how long every time on a CPU is printed, s. */
  readonly window?: { readonly fromS: number; readonly forS: number }
}

export interface FoundLibrary {
  readonly name: string
  readonly path: string
  readonly symbols: readonly string[]
}

/** How often histograms are read: they are long, and cover the whole run. */
const HISTOGRAM_S = 5

/**
 * One bpftrace script of several probe files. Counts stay in the kernel and are printed, never cleared, at every tick:
 * nothing is lost between a print and a clearing, nor with a tick that is missed; one that did not move is not printed. Of a map that is printed no key may be deleted:
 * bpftrace 0.17 ends where one goes while it reads. Macros: TARGET (is this process ours),
 * EMIT(name, field=value, … | comm | text), LIBRARY and SYMBOL, PARENT, READER.
 */
export function composeScript(files: readonly ProbeFile[], options: ScriptOptions): string {
  const { target } = options
  const parent = target.kind === 'processes' ? (target.childrenOf ?? -1) : -1
  const bodies = files.map((file) =>
    repeated(file, options.libraries ?? [])
      .map((body) => expandEmits(body.replaceAll('TARGET', predicate(target)), options.eventsPerSecond))
      .join('\n\n')
      .replaceAll('PARENT', String(parent))
      .replaceAll('READER', String(options.reader)),
  )
  const maps = files.flatMap((file) => file.maps)
  const totals = totalsOf(files)
  const of = (kind: 'hist' | 'stack') => maps.filter((map) => map.kind === kind).map(({ name }) => name)
  const [rare, stacks] = [of('hist'), of('stack')]
  const print = (names: readonly string[]) => [...new Set(names)].map((name) => `  print(@${name});`).join('\n')
  return [
    begin(files, options),
    ...bodies.map((body) => marked(body, totals)),
    `interval:s:1\n{\n  @room = 0;\n  print(@emit);\n  print(@capped);\n}`,
    // The maps of a process name its addresses only while it lives.
    ...(stacks.length === 0 ? [] : [`interval:s:1\n{\n${print(stacks)}\n}`]),
    ...(rare.length === 0 ? [] : [`interval:s:${HISTOGRAM_S}\n{\n${print(rare)}\n}`]),
    // Probes are attached in this order: the first tick says that all of them are.
    `interval:ms:${options.tickMs}\n{\n  ${plainEvent('tick')}\n${totals.map((name) => `  if (@${MOVED}${name}) { @${MOVED}${name} = 0; print(@${name}); }`).join('\n')}\n  ${plainEvent('tock')}\n}`,
    `END\n{\n  ${plainEvent('end')}\n  clear(@target); clear(@tgid);\n}`,
    '',
  ].join('\n\n')
}

/** Maps of counts that only grow, and of starts. */
function totalsOf(files: readonly ProbeFile[]): string[] {
  const totals = files.flatMap(({ maps }) => maps.filter(({ kind }) => kind === 'total'))
  return [...new Set(totals.flatMap(({ name, since }) => [name, ...(since === null ? [] : [since.map])]))]
}

/** An unchanged map is not printed again: reading one costs as much as its capacity, however few entries it has. */
const MOVED = 'moved_'

/** Marks a map after each change: counts before a mark that is seen are in the print that follows. */
function marked(body: string, totals: readonly string[]): string {
  return body.replaceAll(/(?<=^\s*|[{;]\s*)@(\w+)\[[^;{}]*\] = [^;]*;/gm, (statement, name: string) =>
    totals.includes(name) ? `${statement} if (@${MOVED}${name} == 0) { @${MOVED}${name} = 1; }` : statement,
  )
}

function predicate(target: ScriptTarget): string {
  if (target.kind === 'processes') return '@target[pid]'
  return target.kind === 'cgroup' ? `cgroup == cgroupid(${quoted(target.path)})` : 'comm != "bpftrace"'
}

function quoted(text: string): string {
  return JSON.stringify(text)
}

function plainEvent(name: string): string {
  return `printf("{\\"e\\":\\"${name}\\",\\"t\\":%llu}|\\n", nsecs);`
}

/** Gives every map that a script may read its type, and what is known before the first probe. */
function begin(files: readonly ProbeFile[], options: ScriptOptions): string {
  const { target, threads = [], ports = [], gpuDescriptors = [], nodes = [] } = options
  const has = (name: string): boolean => files.some(({ body }) => body.includes(`@${name}[`))
  const lines = ['@target[(uint64)0] = 0;', '@room = 0;', '@emit["none"] = count();', '@capped["none"] = count();']
  if (target.kind === 'processes') lines.push(...target.pids.map((pid) => `@target[(uint64)${pid}] = 1;`))
  lines.push('@tgid[(uint64)0] = (uint64)0;', ...totalsOf(files).map((name) => `@${MOVED}${name} = 0;`))
  if (has('thread_since')) lines.push(...threads.map(({ pid, tid }) => `@tgid[(uint64)${tid}] = (uint64)${pid};`))
  if (has('port')) lines.push('@port[(uint64)0] = 0;', ...ports.map((port) => `@port[(uint64)${port}] = 1;`))
  if (has('node'))
    lines.push(
      '@node[(uint64)0] = 0;',
      ...nodes.flatMap((node, cpu) => (node === 0 ? [] : [`@node[(uint64)${cpu}] = ${node};`])),
    )
  const { fromS = 0, forS = 0 } = options.window ?? {}
  if (files.some(({ body }) => body.includes('@window_from')))
    lines.push(
      `@window_from = nsecs + ${Math.round(fromS * 1e9)};`,
      `@window_until = nsecs + ${Math.round((fromS + forS) * 1e9)};`,
    )
  if (has('gpu_fd'))
    lines.push(
      '@made_by[(uint64)0] = (uint64)0;',
      '@gpu_fd[(uint64)0, (uint64)0] = 0;',
      ...gpuDescriptors.map(({ pid, fd }) => `@gpu_fd[(uint64)${pid}, (uint64)${fd}] = 1;`),
    )
  return `BEGIN\n{\n${lines.map((line) => `  ${line}`).join('\n')}\n}`
}

function repeated(file: ProbeFile, libraries: readonly FoundLibrary[]): string[] {
  if (file.libraries.length === 0) return [file.body]
  return libraries
    .filter(({ name }) => file.libraries.some((library) => library.name === name))
    .flatMap(({ path, symbols }) =>
      symbols.map((symbol) => file.body.replaceAll('LIBRARY', path).replaceAll('SYMBOL', symbol)),
    )
}

/**
 * `EMIT(open, fd=3, dur_ns=$d | str(@x))` as a count of reported events and, while there is room this second, a line.
 */
export function expandEmits(body: string, eventsPerSecond: number): string {
  let out = ''
  let rest = body
  for (;;) {
    const at = rest.indexOf('EMIT(')
    if (at === -1) return out + rest
    const end = closing(rest, at + 'EMIT'.length)
    const [call = '', ...texts] = splitTop(rest.slice(at + 'EMIT('.length, end), '|').map((part) => part.trim())
    const [name = '', ...fields] = splitTop(call, ',').map((part) => part.trim())
    const pairs = fields.map(
      (field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)] as const,
    )
    if (!pairs.some(([key]) => key === 't')) pairs.unshift(['t', 'nsecs'])
    const format = [`\\"e\\":\\"${name}\\"`, ...pairs.map(([key]) => `\\"${key}\\":%lld`)].join(',')
    const values = [...pairs.map(([, value]) => value), ...texts].join(', ')
    const line = `printf("{${format}}|${['', '%s', '%-16s|%s'][texts.length]}\\n", ${values})`
    out += rest.slice(0, at)
    out += `@room++; if (@room <= ${eventsPerSecond}) { @emit["${name}"] = count(); ${line}; } else { @capped["${name}"] = count(); }`
    rest = rest.slice(rest[end + 1] === ';' ? end + 2 : end + 1)
  }
}

function closing(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    if (text[i] === '(') depth++
    else if (text[i] === ')' && --depth === 0) return i
  }
  throw new Error(`EMIT without an end: ${text.slice(open, open + 60)}`)
}

/** Splits where no bracket is open. */
function splitTop(text: string, separator: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i] as string
    if ('(['.includes(character)) depth++
    else if (')]'.includes(character)) depth--
    else if (character === separator && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  return [...parts, text.slice(from)]
}
