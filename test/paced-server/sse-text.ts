import type { Behaviour } from './behaviour.ts'

const EOL = { lf: '\n', crlf: '\r\n', cr: '\r' } as const

/** Writes events in the style that the behaviour asks for. */
export class SseText {
  private readonly behaviour: Behaviour
  private readonly eol: string
  private readonly data: string
  private events = 0

  constructor(behaviour: Behaviour) {
    this.behaviour = behaviour
    this.eol = EOL[behaviour.eol]
    this.data = behaviour.tight ? 'data:' : 'data: '
  }

  /** One event, whose payload is JSON. */
  json(payload: string): string {
    return this.event(this.behaviour.multiline ? JSON.stringify(JSON.parse(payload), null, 1) : payload)
  }

  event(payload: string): string {
    const { eol, data } = this
    const index = this.events++
    let text = index === 0 && this.behaviour.bom ? '\ufeff' : ''
    if (this.behaviour.comments) text += `: comment ${index}${eol}`
    if (this.behaviour.fields) text += `event: message${eol}id: ${index}${eol}retry: 1000${eol}`
    for (const line of payload.split('\n')) text += `${data}${line}${eol}`
    return text + eol
  }

  ping(): string {
    return `: ping${this.eol}${this.eol}`
  }
}
