import { expect, test } from 'vitest'
import { redact } from '../base/secrets/secrets.ts'
import { learnFromArguments } from './argv-secrets.ts'

test.each([
  [['--header', 'Authorization: Bearer arg-secret-01'], 'arg-secret-01'],
  [['--header=X-Api-Key: arg-secret-02'], 'arg-secret-02'],
  [['--header', 'Cookie: a=arg-secret-03; b=2'], 'arg-secret-03'],
  [['--body', '{"extra":{"api_key":"arg-secret-04"}}'], 'arg-secret-04'],
  [['--body', "{api_key: 'arg-secret-05'"], 'arg-secret-05'],
  [['--api-key', 'arg-secret-06'], 'arg-secret-06'],
  [['--url', 'user:arg-secret-07@h:8000'], 'arg-secret-07'],
  [['report', 'http://h/?token=arg-secret-08'], 'arg-secret-08'],
  [['--header', `Authorization: Basic ${Buffer.from('me:arg-secret-09').toString('base64')}`], 'arg-secret-09'],
  [['--header', 'arg-secret-10'], 'arg-secret-10'],
  [['--gpu', 'ssh://me:arg-secret-11@h'], 'arg-secret-11'],
])('%j is known before it is parsed', (argv, secret) => {
  expect(redact(`a ${secret} b`)).toBe(`a ${secret} b`)
  learnFromArguments(argv)
  expect(redact(`a ${secret} b`)).toBe('a *** b')
})
