import { describe, expect, it } from 'vitest'
import { credentialsIn, withoutCredentials } from './credentials.ts'
import { isSecretHeader, isSecretName } from './secret-names.ts'

describe('credentials of URLs', () => {
  it.each([
    ['http://user:key@h:8000/v1', 'http://h:8000/v1', ['user:key']],
    ['https://key@h/v1', 'https://h/v1', ['key']],
    ['user:key@h:8000', 'h:8000', ['user:key']],
    ['dcgm:http://u:p@h:9400/metrics', 'dcgm:http://h:9400/metrics', ['u:p']],
    ['dcgm:u:p@h:9400', 'dcgm:h:9400', ['u:p']],
    ['http://u:p@ss@h/', 'http://h/', ['u:p@ss']],
    ['http://u:p%40ss@h/', 'http://h/', ['u:p%40ss', 'u:p@ss']],
    ['ssh://me:pw@h/a', 'ssh://h/a', ['me:pw']],
    ['--url http://u:p@h: not a URL', '--url http://h: not a URL', ['u:p']],
    ['http://h/v1?api_key=k1&x=1', 'http://h/v1?api_key=[hidden]&x=1', ['k1']],
    ['http://h/?x=1&access_token=k2#f', 'http://h/?x=1&access_token=[hidden]#f', ['k2']],
    ['h:8000?key=k3', 'h:8000?key=[hidden]', ['k3']],
    ['https://h/?sv=2&sig=a%2Fb', 'https://h/?sv=2&sig=[hidden]', ['a%2Fb', 'a/b']],
    ['https://h/?X-Amz-Signature=s&X-Amz-Date=d', 'https://h/?X-Amz-Signature=[hidden]&X-Amz-Date=d', ['s']],
  ])('%s is shown as %s', (text, shown, values) => {
    expect(withoutCredentials(text)).toBe(shown)
    expect(credentialsIn(text).map(({ value }) => value)).toEqual(values)
  })

  it.each([
    'ssh://me@h:22',
    'http://h:8000/v1?max_tokens=5',
    'a mail to me@h.example',
    'Token timestamps: 12:30@ noon',
    'http://h/a@b',
  ])('%s has none', (text) => {
    expect(withoutCredentials(text)).toBe(text)
    expect(credentialsIn(text)).toEqual([])
  })
})

describe('names', () => {
  it.each([
    'Authorization',
    'X-Api-Key',
    'apikey',
    'accessToken',
    'db_password',
    'Cookie',
    'sig',
    'Ocp-Apim-Subscription-Key',
    'xapitoken',
    'client_secret',
  ])('%s holds a secret', (name) => expect(isSecretName(name)).toBe(true))
  it.each([
    'max_tokens',
    'stop_token_ids',
    'tokenizer',
    'author',
    'X-Team',
    'api_key_file',
    'signal',
    'keyword',
    'passage',
  ])('%s holds none', (name) => expect(isSecretName(name)).toBe(false))
  it('of headers say less than what they carry', () => {
    expect(isSecretHeader('X-Custom', 'planted1secret2value3')).toBe(true)
    expect(isSecretHeader('X-Model', 'meta-llama-3-8b-instruct')).toBe(false)
    expect(isSecretHeader('X-Team', 'research')).toBe(false)
    expect(isSecretHeader('Accept', 'application/json')).toBe(false)
  })
})

it('takes no arrival process for a login', () => {
  for (const text of ['step:5@0s', '--arrival step:5@0s: expected', 'step:5@0s,10@30s', 'sine:2@10m', 'step:1@1.5h']) {
    expect(withoutCredentials(text)).toBe(text)
    expect(credentialsIn(text)).toEqual([])
  }
  expect(withoutCredentials('user:key@0s.example:80')).toBe('0s.example:80')
  expect(withoutCredentials('user:key@10.0.0.1:80')).toBe('10.0.0.1:80')
})
