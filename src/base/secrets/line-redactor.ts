import { redact } from './secrets.ts'

/** What has no end of a line is passed on once it is longer than this. */
const MOST_HELD = 16 * 1024

/** Takes secrets out of a text that comes in pieces: each is passed on as far as its last whole line. */
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
