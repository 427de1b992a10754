import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { foreignFile, refuseForeign, spreadsheetTime } from './foreign-file.ts'

const LFS = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 20480000\n'

test.each([
  ['git-lfs', Buffer.from(LFS)],
  ['html', Buffer.from('\uFEFF\n <!DOCTYPE html>\n<html lang="en">')],
  ['html', Buffer.from('<!-- saved -->\n<HTML><body>')],
  ['xml', Buffer.from('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>')],
  ['http-error', Buffer.from('404: Not Found')],
  ['gzip', gzipSync('a,b\n1,2\n')],
  ['zstd', Buffer.from('28b52ffd2408', 'hex')],
  ['packed', Buffer.from('fd377a585a000004', 'hex')],
  ['utf-16', Buffer.from('\uFEFFTIMESTAMP,ContextTokens', 'utf16le')],
  ['utf-16', Buffer.from('TIMESTAMP,ContextTokens', 'utf16le')],
  ['utf-16', Buffer.from('\uFEFFTIMESTAMP', 'utf16le').swap16()],
  ['utf-32', Buffer.from('fffe000041000000', 'hex')],
  ['spreadsheet', Buffer.from('PK\x03\x04\x14\0\x06\0[Content_Types].xml')],
  ['zip', Buffer.from('PK\x03\x04\x14\0\0\0trace.csv')],
  ['parquet', Buffer.from('PAR1\x15\x04')],
  ['database', Buffer.from('SQLite format 3\0')],
  ['binary', Buffer.from('a,b\0c')],
] as const)('%s is told by its first bytes', (kind, bytes) => {
  expect(foreignFile(bytes)?.kind).toBe(kind)
  expect(() => refuseForeign('x.csv', bytes, 'input/trace-text', 'CSV')).toThrow(
    expect.objectContaining({ code: 'input/trace-text', hint: expect.stringMatching(/./) }),
  )
  refuseForeign('x.csv', bytes, 'input/trace-text', 'CSV', [kind])
})

test('texts that are what they should be are let through', () => {
  for (const text of [
    '',
    'a,b\n',
    '{"a":1}',
    '[',
    '<prompt>,b',
    'size,prompt\n10,"<html>"',
    '\uFEFFTIMESTAMP',
    'version,a',
  ]) {
    expect([text, foreignFile(Buffer.from(text))]).toEqual([text, null])
  }
})

test('times that a spreadsheet rewrote are told from those that programs write', () => {
  for (const text of [
    '11/16/2023 18:15',
    '16.11.2023 18:15:46',
    '1/2/23',
    '11/16/2023 6:15 PM',
    '45246.76',
    '18:15.5',
    '1.69E+12',
  ]) {
    expect([text, spreadsheetTime(text)]).toEqual([text, expect.any(String)])
  }
  for (const text of ['2023-11-16 18:15:46.68', '0', '19440110.0', '1700158546', '12.5', '1e3', '1.7158e15', '']) {
    expect([text, spreadsheetTime(text)]).toEqual([text, null])
  }
})
