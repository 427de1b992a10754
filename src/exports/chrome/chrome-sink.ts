import type { Details, Flows, TimelineSink, TimelineStart } from '../timeline/timeline-sink.ts'

const FLUSH_CHARS = 1 << 18

interface Track {
  group: number
  /** Quoted, for a counter. */
  name: string
}

/**
 * Writes a timeline as Chrome's JSON trace events, one per line: `X` for slices, `i` for instants, `C` for counters,
 * `s` and `f` for flows. Times are µs with three decimals; `baseTimeNanoseconds` is the Unix time of their zero.
 */
export class ChromeSink implements TimelineSink {
  events = 0
  private readonly write: (text: string) => void
  private text = ''
  private shiftNs = 0
  private groups = 0
  private readonly tracks: Track[] = [{ group: 0, name: '' }]
  /** Quoted; the first is what a flow is called. */
  private readonly names: string[] = ['"link"']

  constructor(write: (text: string) => void) {
    this.write = write
  }

  start({ title, epochUnixNs, shiftNs }: TimelineStart): void {
    this.shiftNs = shiftNs
    this.text =
      `{"displayTimeUnit":"ns","baseTimeNanoseconds":${epochUnixNs - BigInt(shiftNs)},` +
      `"otherData":{"run":${JSON.stringify(title)}},"traceEvents":[`
  }

  group(name: string): number {
    const pid = ++this.groups
    this.event(`{"ph":"M","name":"process_name","pid":${pid},"tid":0,"args":{"name":${JSON.stringify(name)}}}`)
    return pid
  }

  track(group: number, name: string): number {
    const tid = this.tracks.push({ group, name: JSON.stringify(name) }) - 1
    const place = `"pid":${group},"tid":${tid}`
    this.event(`{"ph":"M","name":"thread_name",${place},"args":{"name":${JSON.stringify(name)}}}`)
    this.event(`{"ph":"M","name":"thread_sort_index",${place},"args":{"sort_index":${tid}}}`)
    return tid
  }

  counterTrack(group: number, name: string, unit: string | null): number {
    return this.tracks.push({ group, name: JSON.stringify(unit === null ? name : `${name} (${unit})`) }) - 1
  }

  name(text: string): number {
    return this.names.push(JSON.stringify(text)) - 1
  }

  slice(
    track: number,
    tNs: number,
    durNs: number,
    name: number | string,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void {
    this.event(
      `{"ph":"X",${this.head(track, tNs, name, category)},"dur":${(durNs / 1000).toFixed(3)}${argsOf(details)}}`,
    )
    if (flows !== null) this.flow(track, tNs, flows)
  }

  instant(
    track: number,
    tNs: number,
    name: number,
    category: string | null,
    details: Details,
    flows: Flows | null,
  ): void {
    this.event(`{"ph":"i","s":"t",${this.head(track, tNs, name, category)}${argsOf(details)}}`)
    if (flows !== null) this.flow(track, tNs, flows)
  }

  counter(track: number, tNs: number, value: number): void {
    const { group, name } = this.tracks[track] as Track
    this.event(
      `{"ph":"C","pid":${group},"ts":${this.us(tNs)},"name":${name},"args":{"value":${JSON.stringify(value)}}}`,
    )
  }

  end(): void {
    this.text += '\n]}\n'
    this.flush()
  }

  private flow(track: number, tNs: number, flows: Flows): void {
    const head = this.head(track, tNs, 0, 'link')
    for (const id of flows.out) this.event(`{"ph":"s","id":${id},${head}}`)
    for (const id of flows.in) this.event(`{"ph":"f","bp":"e","id":${id},${head}}`)
  }

  private head(track: number, tNs: number, name: number | string, category: string | null): string {
    const { group } = this.tracks[track] as Track
    const quoted = typeof name === 'number' ? this.names[name] : JSON.stringify(name)
    return `"pid":${group},"tid":${track},"ts":${this.us(tNs)},"name":${quoted},"cat":${JSON.stringify(category ?? '')}`
  }

  private us(tNs: number): string {
    return ((tNs + this.shiftNs) / 1000).toFixed(3)
  }

  private event(text: string): void {
    this.text += `${this.events === 0 ? '\n' : ',\n'}${text}`
    this.events++
    if (this.text.length > FLUSH_CHARS) this.flush()
  }

  private flush(): void {
    this.write(this.text)
    this.text = ''
  }
}

function argsOf(details: Details): string {
  if (details.count === 0) return ''
  let text = ',"args":{'
  for (let i = 0; i < details.count; i++) {
    text += `${i === 0 ? '' : ','}${JSON.stringify(details.names[i])}:${JSON.stringify(details.values[i])}`
  }
  return `${text}}`
}
