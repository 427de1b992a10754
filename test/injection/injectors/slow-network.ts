import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Harm } from './injector.ts'

/** A relay in front of the server that holds back what the server sends. */
export const slowNetwork: Harm = {
  name: 'slow network',
  cause: 'delivery',
  engine: 'llamacpp',
  leastMs: 400,
  pauseMs: 800,
  tailMs: 5,
  async prepare({ url }) {
    const target = new URL(url)
    const answers = new Set<Answer>()
    let held = false
    const server = createServer((client) => {
      const upstream = connect(Number(target.port), target.hostname)
      const answer = new Answer(client, upstream, held)
      answers.add(answer)
      client.pipe(upstream)
      for (const socket of [client, upstream]) {
        socket.setNoDelay()
        socket.on('error', () => answer.close()).on('close', () => answers.delete(answer))
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`,
      begin() {
        held = true
        for (const answer of answers) answer.held = true
      },
      end() {
        held = false
        for (const answer of answers) answer.release()
      },
      close() {
        for (const answer of answers) answer.close()
        server.close()
      },
    }
  },
}

/** What the server sends on one connection. */
class Answer {
  held: boolean
  private readonly client: Socket
  private readonly upstream: Socket
  private waiting: Buffer[] = []
  private ended = false

  constructor(client: Socket, upstream: Socket, held: boolean) {
    this.client = client
    this.upstream = upstream
    this.held = held
    upstream.on('data', (bytes: Buffer) => {
      if (this.held) this.waiting.push(bytes)
      else client.write(bytes)
    })
    upstream.on('end', () => {
      this.ended = true
      if (!this.held) client.end()
    })
  }

  release(): void {
    this.held = false
    for (const bytes of this.waiting.splice(0)) this.client.write(bytes)
    if (this.ended) this.client.end()
  }

  close(): void {
    this.client.destroy()
    this.upstream.destroy()
  }
}
