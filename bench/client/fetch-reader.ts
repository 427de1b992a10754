import type { Reader, Seen } from './job.ts'

/**
 * The ordinary way, as a peer that is always there: Node's fetch (undici), text decoded, split at empty lines,
 * every event parsed as JSON, a stamp kept for each token. Nothing is recorded to disk.
 */
export function fetchReader(url: string): Reader {
  const now = () => performance.now() * 1e6
  const requests: (Seen & { index: number })[] = []
  return {
    async send(index, body) {
      const key = `bench-${index}`
      const stampsNs: number[] = []
      const sentNs = now()
      const response = await fetch(`${url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-request-id': key },
        body: JSON.stringify(body),
      })
      if (!response.ok || response.body === null) return null
      let rest = ''
      let done = false
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const atNs = now()
        const events = (rest + text).split('\n\n')
        rest = events.pop() ?? ''
        for (const event of events) {
          const data = event.startsWith('data: ') ? event.slice('data: '.length) : ''
          if (data === '[DONE]') done = true
          else if (data !== '' && saysToken(data)) stampsNs.push(atNs)
        }
      }
      requests.push({ index, key, sentNs, stampsNs })
      return done ? stampsNs.length : null
    },
    settle: async () => {},
    seen: async (from) => requests.filter((request) => request.index >= from),
    close: async () => {},
  }
}

function saysToken(data: string): boolean {
  const chunk = JSON.parse(data) as { choices: { text?: string }[] }
  return (chunk.choices[0]?.text ?? '') !== ''
}
