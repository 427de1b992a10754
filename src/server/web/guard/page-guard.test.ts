import { hostname } from 'node:os'
import { expect, test } from 'vitest'
import { PAGE_HEADERS, refusal } from './page-guard.ts'

const here = { loopback: true, token: null }
const elsewhere = { loopback: false, token: 'secret' }
const ask = (more: Partial<Parameters<typeof refusal>[1]> = {}) => ({
  method: 'GET',
  host: '127.0.0.1:4040',
  origin: undefined,
  site: undefined,
  token: undefined,
  ...more,
})

test.each(['127.0.0.1:4040', 'localhost:4040', '[::1]:4040', 'LOCALHOST', '127.0.0.1'])(
  '%s is this machine',
  (host) => {
    expect(refusal(here, ask({ host }))).toBeNull()
  },
)

test.each([
  'evil.example',
  'evil.example:4040',
  '127.0.0.1.evil.example',
  'localhost.evil.example:80',
  'a@localhost',
  '192.168.1.5:4040',
  '',
  undefined,
])('the name %s is refused on loopback', (host) => {
  expect(refusal(here, ask({ host }))?.status).toBe(403)
})

test('another origin is refused, whatever the method; the own one is not', () => {
  expect(refusal(here, ask({ origin: 'http://evil.example' }))?.status).toBe(403)
  expect(refusal(here, ask({ origin: 'null', method: 'POST' }))?.status).toBe(403)
  expect(refusal(here, ask({ origin: 'http://127.0.0.1:9999', method: 'POST' }))?.status).toBe(403)
  expect(refusal(here, ask({ origin: 'http://127.0.0.1:4040', method: 'POST' }))).toBeNull()
  expect(refusal(here, ask({ method: 'POST', site: 'cross-site' }))?.status).toBe(403)
})

test('beyond loopback a token is needed, and a name that cannot be rebound', () => {
  expect(refusal(elsewhere, ask({ host: '10.0.0.5:4040' }))?.status).toBe(401)
  expect(refusal(elsewhere, ask({ host: '10.0.0.5:4040', token: 'secres' }))?.status).toBe(401)
  expect(refusal(elsewhere, ask({ host: '10.0.0.5:4040', token: 'secret' }))).toBeNull()
  expect(refusal(elsewhere, ask({ host: `${hostname()}:4040`, token: 'secret' }))).toBeNull()
  expect(refusal(elsewhere, ask({ host: 'evil.example', token: 'secret' }))?.status).toBe(403)
})

test('the policy lets in no script, style or connection from elsewhere', () => {
  const policy = PAGE_HEADERS['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  expect(policy).not.toMatch(/unsafe|https?:|\*/)
})
