import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LayerlineError } from '../base/errors.ts'
import { parseEnv } from './env-file.ts'

const context = { cwd: '/here', variables: { HOME: '/home/me' } }

function valueIn(line: string): string | undefined {
  return parseEnv(line, '.env', context).get('A')?.value
}

describe('.env lines', () => {
  it.each([
    ['A=b', 'b'],
    ['export A=b', 'b'],
    ['  export  A = b c  ', 'b c'],
    ['A=', ''],
    ['A=b # comment', 'b'],
    ['A=b#c', 'b#c'],
    ['A=# comment', ''],
    ['A="b # c"  # d', 'b # c'],
    ['A="b "', 'b '],
    ['A="say \\"b\\" \\$HOME"', 'say "b" $HOME'],
    ["A='$(rm) `x` \\'", '$(rm) `x` \\'],
    ['A=$(pwd)/x', '/here/x'],
    ['A="$( pwd )/x"', '/here/x'],
    ['A=$PWD/x', '/here/x'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    ['A=${PWD}x', '/herex'],
    ['A=$HOME/.ssh', '/home/me/.ssh'],
    ['A="$PWD"/"a b"', '/here/a b'],
    ['A=5$', '5$'],
    ['A=\\$5', '$5'],
    ['B=1\r\nA=$B$B\r\n', '11'],
    ['\uFEFFA=b', 'b'],
    ['A=b\nA=c', 'c'],
  ])('%s', (line, value) => {
    expect(valueIn(line)).toBe(value)
  })

  it('keeps the line, and what is not defined', () => {
    const entries = parseEnv('# c\n\nexport A=x$NOPE\n', '.env', context)
    expect(entries.get('A')).toEqual({ value: 'x$NOPE', line: 3, unknownVariable: 'NOPE' })
  })

  it.each([
    ['A=$(touch /tmp/x)', /^\.env:1: a command substitution/],
    ['\nA="a$(id)"', /^\.env:2: a command substitution/],
    ['A=`id`', /^\.env:1: a command substitution/],
    ['A=$(pwd; id)', /^\.env:1: a command substitution/],
    ['A="b', /^\.env:1: a " that is not closed/],
    ['A', /^\.env:1: expected NAME=value/],
    ['1A=b', /^\.env:1: expected NAME=value/],
  ])('refuses %s', (line, message) => {
    expect(() => valueIn(line)).toThrow(message)
    expect(() => valueIn(line)).toThrow(LayerlineError)
  })

  it('reads quoted values as a shell does', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the shell's
    const unit = fc.constantFrom(...'ab #$=\'"\\é%'.split(''), '$PWD', '\\"', '\\$', '${PWD}')
    const text = fc.string({ unit, maxLength: 12 })
    const lines = fc.sample(text, { numRuns: 100, seed: 7 }).flatMap((each) => {
      // `$$` and `$#` are the shell's own.
      if (/\$[$#]/.test(each)) return []
      const double = /(?:\\\\)*\\$|(?<!\\)"/.test(each.replaceAll(/\\["$\\`]/g, '')) ? null : `"${each}"`
      return [double, each.includes("'") ? null : `'${each}'`].filter((line) => line !== null)
    })
    expect(lines.length).toBeGreaterThan(40)
    for (const quoted of lines) {
      // The shell is the oracle; a variable of one letter or more after `$` is not one that it knows.
      const shell = spawnSync('sh', ['-c', `printf %s ${quoted}`], { cwd: '/', env: { PWD: '/' } })
      const ours = parseEnv(`A=${quoted}`, '.env', { cwd: '/', variables: { a: '', b: '', ab: '' } }).get('A')
      if (ours?.unknownVariable === null) expect([quoted, ours.value]).toEqual([quoted, shell.stdout.toString()])
    }
  })
})
