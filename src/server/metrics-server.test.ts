import { request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type MetricsServer, startMetricsServer } from './metrics-server.ts'

let server: MetricsServer
beforeAll(async () => {
  server = await startMetricsServer(0, () => 'a 1\n')
})
afterAll(() => server.close())

function statusFor(host: string, path = '/metrics', method = 'GET'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, server.url), { method, headers: { host } }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    sent.on('error', reject)
    sent.end()
  })
}

test.each(['127.0.0.1:9', 'localhost', 'LOCALHOST:80', '[::1]:9400', '127.0.0.53'])('%s may ask', async (host) => {
  expect(await statusFor(host)).toBe(200)
})

test.each(['evil.example', 'evil.example:9400', '127.0.0.1.evil.example', 'localhost.evil.example', '10.0.0.1'])(
  'a page that calls itself "%s" may not',
  async (host) => expect(await statusFor(host)).toBe(403),
)

test('other paths and methods are told what there is', async () => {
  expect(await statusFor('localhost', '/')).toBe(404)
  expect(await statusFor('localhost', '/metrics', 'POST')).toBe(405)
})
