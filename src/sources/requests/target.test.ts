import { describe, expect, test } from 'vitest'
import { LayerlineError } from '../../base/errors.ts'
import { type Endpoint, pathOf, resolveTarget } from './target.ts'

describe('--url', () => {
  test.each<[string, Endpoint | undefined, string, string, string]>([
    ['http://h:8000', undefined, 'http://h:8000/v1/chat/completions', '/v1', 'chat'],
    ['http://h:8000/', 'completions', 'http://h:8000/v1/completions', '/v1', 'completions'],
    ['http://h:8000/v1', 'chat', 'http://h:8000/v1/chat/completions', '/v1', 'chat'],
    ['http://h:8000/v1/', 'chat', 'http://h:8000/v1/chat/completions', '/v1', 'chat'],
    ['https://h/proxy/llm', 'completions', 'https://h/proxy/llm/v1/completions', '/proxy/llm/v1', 'completions'],
    ['https://h/v1beta', 'chat', 'https://h/v1beta/chat/completions', '/v1beta', 'chat'],
    ['http://h/a/v1/completions', 'chat', 'http://h/a/v1/completions', '/a/v1', 'completions'],
    ['http://h/a/chat/completions?x=1', 'completions', 'http://h/a/chat/completions?x=1', '/a', 'chat'],
    ['http://[::1]:9', undefined, 'http://[::1]:9/v1/chat/completions', '/v1', 'chat'],
    ['https://h:443', undefined, 'https://h/v1/chat/completions', '/v1', 'chat'],
  ])('%s as %s', (url, endpoint, full, basePath, is) => {
    const target = resolveTarget({ url, ...(endpoint === undefined ? {} : { endpoint }) })
    expect(target).toMatchObject({ url: full, basePath, endpoint: is })
  })

  test('host, port and name', () => {
    expect(resolveTarget({ url: 'http://[::1]' })).toMatchObject({ host: '::1', port: 80, tls: false, servername: '' })
    expect(resolveTarget({ url: 'https://a.b' })).toMatchObject({
      host: 'a.b',
      port: 443,
      tls: true,
      servername: 'a.b',
    })
  })

  test('the other endpoint of the same server', () => {
    const chat = resolveTarget({ url: 'http://h/x/v1/chat/completions?v=1' })
    expect(pathOf(chat, 'completions')).toBe('/x/v1/completions?v=1')
    const completions = resolveTarget({ url: 'http://h', endpoint: 'completions' })
    expect(pathOf(completions, 'chat')).toBe('/v1/chat/completions')
  })

  test.each([
    ['localhost:8000', /expected http/, /write http:\/\/localhost:8000/],
    ['10.0.0.1:8000', /not a URL/, /write http:\/\/10\.0\.0\.1:8000/],
    ['ftp://h', /expected http/, /for example/],
    ['http://', /not a URL/, /for example/],
    ['http://me:secret@h', /credentials/, /key/],
    ['http://me:secret@h:99999', /not a URL/, /for example/],
  ])('%s is refused in a sentence without its secrets', (url, sentence, hint) => {
    const caught = failing(() => resolveTarget({ url }))
    expect(caught).toMatchObject({ code: 'input/url', exitCode: 2 })
    expect(caught.message).toMatch(sentence)
    expect(caught.hint).toMatch(hint)
    expect(`${caught.message} ${caught.hint}`).not.toContain('secret')
  })
})

describe('headers', () => {
  test.each([
    ['a value of two lines', { a: 'b\r\nx-evil: 1' }],
    ['a name with a space', { 'a b': 'c' }],
    ['one of ours', { 'Content-Length': '3' }],
  ])('%s is refused', (_name, headers) => {
    expect(failing(() => resolveTarget({ url: 'http://h', headers })).code).toBe('input/header')
  })

  test('a key with a line break is refused, untold', () => {
    const caught = failing(() => resolveTarget({ url: 'http://h', apiKey: 'sk-1234\n' }))
    expect(caught.code).toBe('input/api-key')
    expect(caught.message).not.toContain('sk-1234')
  })
})

function failing(work: () => unknown): LayerlineError {
  try {
    work()
  } catch (error) {
    if (error instanceof LayerlineError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
