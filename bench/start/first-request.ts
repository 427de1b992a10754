import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageFile } from '../../src/base/package-files.ts'
import { parseProcessStat, TICK_NS } from '../../src/sources/host/proc/proc-text.ts'

const MODEL = 'start'
const TOKENS = ['one', ' two', ' three']

/** Traces one request to a server in this process, which reads what the client has used by then. */
export class OneRequest {
  readonly folder = mkdtempSync(join(tmpdir(), 'layerline-bench-start-'))
  private child: ChildProcess | null = null
  private firstRequestCpu: number | null = null
  private readonly server: Server
  private runs = 0

  private constructor(server: Server) {
    this.server = server
    writeFileSync(join(this.folder, 'prompts.csv'), 'prompt\nCount to three.\n')
  }

  static async create(): Promise<OneRequest> {
    const server = createServer()
    const made = new OneRequest(server)
    server.on('request', (request, response) => {
      if (request.method === 'POST') {
        const pid = made.child?.pid
        if (pid !== undefined) made.firstRequestCpu ??= cpuOf(pid)
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        for (const content of TOKENS) response.write(event({ choices: [{ index: 0, delta: { content } }] }))
        response.end(`${event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`)
      } else if (request.url === '/v1/models') {
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ object: 'list', data: [{ id: MODEL, object: 'model', max_model_len: 4096 }] }))
      } else {
        response.statusCode = 404
        response.end()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return made
  }

  /** The words of the command line after the program's name. */
  arguments(): string[] {
    const { port } = this.server.address() as AddressInfo
    const out = join(this.folder, `run-${this.runs++}`)
    const prompts = join(this.folder, 'prompts.csv')
    return ['trace', '--prompts', prompts, '--url', `http://127.0.0.1:${port}`, '--max-tokens', '3', '--out', out]
  }

  /** CPU of a client until its request is here, s. */
  async toFirstRequest(): Promise<number> {
    this.firstRequestCpu = null
    this.child = spawn(packageFile('bin/layerline'), this.arguments(), { stdio: 'ignore' })
    await once(this.child, 'exit')
    this.child = null
    if (this.firstRequestCpu === null) throw new Error('no request came')
    return this.firstRequestCpu
  }

  close(): void {
    this.server.close()
    this.server.closeAllConnections()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function event(fields: object): string {
  return `data: ${JSON.stringify({ id: 'a', object: 'chat.completion.chunk', model: MODEL, created: 1, ...fields })}\n\n`
}

function cpuOf(pid: number): number {
  return ((parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.cpuTicks ?? Number.NaN) * TICK_NS) / 1e9
}
