import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mergeBehaviour } from './behaviour.ts'
import { PacedServer } from './server.ts'

/** `node dist/test/paced-server/main.js [--port N] …`: prints {port, pid} in one line, ends when stdin does. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '0' },
      host: { type: 'string', default: '127.0.0.1' },
      model: { type: 'string', multiple: true, default: ['paced'] },
      'max-model-len': { type: 'string', default: '131072' },
      'api-key': { type: 'string' },
      'base-path': { type: 'string' },
      'tls-cert': { type: 'string' },
      'tls-key': { type: 'string' },
      'delay-accept-ms': { type: 'string', default: '0' },
      backlog: { type: 'string', default: '8192' },
      paced: { type: 'string', default: '{}' },
    },
  })
  const cert = values['tls-cert']
  const key = values['tls-key']
  const defaults = JSON.parse(values.paced) as Record<string, unknown>
  mergeBehaviour(defaults)
  const server = new PacedServer({
    port: Number(values.port),
    host: values.host,
    models: values.model,
    maxModelLen: Number(values['max-model-len']),
    apiKey: values['api-key'] ?? null,
    basePath: values['base-path'] ?? null,
    tls: cert === undefined || key === undefined ? null : { cert: readFileSync(cert), key: readFileSync(key) },
    delayAcceptMs: Number(values['delay-accept-ms']),
    backlog: Number(values.backlog),
    defaults,
  })
  const port = await server.listen()
  process.stdout.write(`${JSON.stringify({ port, pid: process.pid })}\n`)
  process.stdin.on('end', () => process.exit(0))
  process.stdin.on('error', () => process.exit(0))
  process.stdin.resume()
}

await main()
