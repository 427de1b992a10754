import type { WriteStream } from 'node:tty'
import { redact } from '../base/secrets/secrets.ts'
import { forTerminal } from '../dashboard/text/text.ts'

/**
 * From now on no secret leaves by this stream, and nothing that only a foreign text can hold steers a terminal. What is
 * written as bytes passes as it is.
 */
export function cleanOutput(stream: WriteStream): void {
  const write = stream.write.bind(stream) as (...given: unknown[]) => boolean
  const clean = (text: string) => (stream.isTTY ? forTerminal(redact(text)) : redact(text))
  stream.write = ((chunk: unknown, ...rest: unknown[]) =>
    write(typeof chunk === 'string' ? clean(chunk) : chunk, ...rest)) as typeof stream.write
}
