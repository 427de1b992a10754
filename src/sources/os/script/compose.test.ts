import { describe, expect, it } from 'vitest'
import { PROBE_ALIASES, PROBE_SETS, probeSet } from '../probe-sets.ts'
import { composeScript, expandEmits } from './compose.ts'
import { parseProbeFile } from './probe-file.ts'

const OPTIONS = { reader: 7, tickMs: 100, eventsPerSecond: 10 } as const

describe('a probe file', () => {
  it('says in its header what its body gives', () => {
    for (const file of [...PROBE_SETS, ...PROBE_ALIASES].flatMap((name) => probeSet(name).files)) {
      for (const { name, since } of file.maps) {
        expect(file.body, `${file.name} ${name}`).toContain(`@${name}[`)
        if (since !== null) expect(file.body, `${file.name} ${since.map}`).toContain(`@${since.map}[`)
        // bpftrace 0.17 aborts if a key is deleted while it prints the map.
        for (const printed of [name, since?.map]) expect(file.body, file.name).not.toContain(`delete(@${printed}[`)
      }
      const counted = [...file.body.matchAll(/@(\w+)\[(?:[^[\];]|\[[^\]]*\])*\] = (?:count|sum|hist)\(/g)].map(
        ([, name]) => name,
      )
      expect(new Set(counted), file.name).toEqual(new Set(file.maps.map(({ name }) => name)))
      const emitted = [...file.body.matchAll(/EMIT\((\w+)/g)].map(([, name]) => name)
      expect(new Set(emitted), file.name).toEqual(new Set(file.events.map(({ name }) => name)))
    }
  })

  it('with a header line that is not understood is refused', () => {
    expect(() => parseProbeFile('x', '// x: what\n// @a[pid] no colon\n\nBEGIN { }\n')).toThrow(
      /not understood: .*no colon/,
    )
  })
})

describe('a script', () => {
  it('looks at the target alone, and keeps its own counts of what it tells', () => {
    const script = composeScript([...probeSet('mlock').files], {
      ...OPTIONS,
      target: { kind: 'processes', pids: [12], childrenOf: 9 },
    })
    expect(script).toContain('@target[(uint64)12] = 1;')
    expect(script).toContain('tracepoint:syscalls:sys_enter_mlock\n/@target[pid]/')
    expect(script).not.toMatch(/TARGET|EMIT|PARENT|READER/)
    expect(script).toContain('print(@mlock_calls);')
  })

  it('marks a map after every change of it, and prints what is marked', () => {
    const files = [...probeSet('sched').files, ...probeSet('futex').files]
    const script = composeScript(files, { ...OPTIONS, target: { kind: 'processes', pids: [12] } })
    const printed = files.flatMap(({ maps }) =>
      maps.filter(({ kind }) => kind === 'total').flatMap(({ name, since }) => (since ? [name, since.map] : [name])),
    )
    for (const name of printed) {
      const changes = script.match(new RegExp(`@${name}\\[[^;{}]*\\] = [^=][^;]*;`, 'g'))
      const marked = script.match(
        new RegExp(`@${name}\\[[^;{}]*\\] = [^=][^;]*; if \\(@moved_${name} == 0\\) \\{ @moved_${name} = 1; \\}`, 'g'),
      )
      expect(changes?.length, name).toBeGreaterThan(0)
      expect(marked?.length, name).toBe(changes?.length)
      expect(script).toContain(`if (@moved_${name}) { @moved_${name} = 0; print(@${name}); }`)
      expect(script).toContain(`@moved_${name} = 0;\n`)
    }
  })

  it('has a body for each symbol of a library', () => {
    const script = composeScript(probeSet('cuda').files, {
      ...OPTIONS,
      target: { kind: 'system' },
      libraries: [{ name: 'libcudart.so', path: '/x/libcudart.so.12', symbols: ['cudaMalloc', 'cudaFree'] }],
    })
    expect(script.match(/^uprobe:"\/x\/libcudart\.so\.12":\w+$/gm)).toHaveLength(2)
    expect(script).toContain('@cuda_calls[pid, "cudaFree"]')
  })

  it('takes a path of a cgroup as it is', () => {
    const script = composeScript([...probeSet('mlock').files], {
      ...OPTIONS,
      target: { kind: 'cgroup', path: '/sys/"x"' },
    })
    expect(script).toContain('/cgroup == cgroupid("/sys/\\"x\\"")/')
  })
})

it('an event is counted, and printed while there is room', () => {
  expect(expandEmits('EMIT(open, fd=f(1, 2), t=@x[tid, 3] | str(@n[tid]));', 5)).toBe(
    '@room++; if (@room <= 5) { @emit["open"] = count(); printf("{\\"e\\":\\"open\\",\\"fd\\":%lld,\\"t\\":%lld}|%s\\n", f(1, 2), @x[tid, 3], str(@n[tid])); } else { @capped["open"] = count(); }',
  )
})
