import { redact } from './secrets.ts'

/** Text without a newline is passed on once it is longer than this. */
const MOST_HELD = 16 * 1024

/** Redacts secrets in a text that arrives in pieces: each piece is passed on up to its last whole line. */
export class LineRedactor {
  private held = ''

  push(text: string): string {
    const all = this.held + text
    const end = Math.max(all.lastIndexOf('\n'), all.lastIndexOf('\r')) + 1
    const whole = all.length - end > MOST_HELD ? all.length : end
    this.held = all.slice(whole)
    return redact(all.slice(0, whole))
  }

  flush(): string {
    const rest = redact(this.held)
    this.held = ''
    return rest
  }
}
