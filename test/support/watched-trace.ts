import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The arguments of a watched trace of `requests` requests of a quarter of a second each, four at a time. */
export function watched(folder: string, url: string, requests: number, more: readonly string[] = []): string[] {
  const rows = Array.from({ length: requests }, (_, i) => `${i},20,say something of ${i}\n`)
  writeFileSync(join(folder, 'p.csv'), `id,max_tokens,prompt\n${rows.join('')}`)
  const given = ['trace', '--prompts', 'p.csv', '--url', url, '--concurrency', '4', '--out', 'run']
  return [...given, '--live', '--gpu', 'none', ...more]
}
