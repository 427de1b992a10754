import { closeSync, openSync, readSync } from 'node:fs'

const SHT_DYNSYM = 11
const SHT_SYMTAB = 2

export interface ElfSymbol {
  readonly name: string
  /** Address within the file as it is loaded, and how long the function is. */
  readonly address: number
  readonly size: number
}

/** Which of the names a shared library defines and exports; none if it is not a 64-bit ELF file. */
export function definedSymbols(path: string, names: readonly string[]): string[] {
  const wanted = new Set(names)
  const found = new Set<string>()
  for (const { name } of elfFunctions(path, wanted)) found.add(name)
  return names.filter((name) => found.has(name))
}

/** A file's functions by rising address, and where its parts are loaded. */
export interface ElfImage {
  readonly functions: readonly ElfSymbol[]
  readonly parts: readonly { readonly offset: number; readonly address: number; readonly bytes: number }[]
}

/** The parts needed to name addresses; empty if it is not an ELF file. */
export function elfImage(path: string): ElfImage {
  const functions = elfFunctions(path).sort((a, b) => a.address - b.address)
  return { functions, parts: withFile(path, loadedParts) }
}

/** The function that holds a place of the file; null for none that is known. */
export function functionAt({ functions, parts }: ElfImage, fileOffset: number): string | null {
  const part = parts.find(({ offset, bytes }) => fileOffset >= offset && fileOffset < offset + bytes)
  const address = part === undefined ? fileOffset : fileOffset - part.offset + part.address
  let [low, high] = [0, functions.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((functions[middle] as ElfSymbol).address <= address) low = middle + 1
    else high = middle
  }
  const found = functions[low - 1]
  return found !== undefined && address < found.address + Math.max(1, found.size) ? found.name : null
}

/** The functions that an ELF file of 64 bits, little-endian, defines; only those in `wanted`, where it is given. */
export function elfFunctions(path: string, wanted?: ReadonlySet<string>): ElfSymbol[] {
  return withFile(path, (fd) => readFunctions(fd, wanted))
}

function withFile<T>(path: string, read: (fd: number) => T[]): T[] {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return []
  }
  try {
    return read(fd)
  } catch {
    return []
  } finally {
    closeSync(fd)
  }
}

const PT_LOAD = 1

function loadedParts(fd: number): { offset: number; address: number; bytes: number }[] {
  const head = readAt(fd, 0, 64)
  const [at, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)]
  const table = readAt(fd, at, size * count)
  return Array.from({ length: count }, (_, i) => table.subarray(i * size, (i + 1) * size))
    .filter((row) => row.readUInt32LE(0) === PT_LOAD)
    .map((row) => ({
      offset: Number(row.readBigUInt64LE(8)),
      address: Number(row.readBigUInt64LE(16)),
      bytes: Number(row.readBigUInt64LE(32)),
    }))
}

function readFunctions(fd: number, wanted: ReadonlySet<string> | undefined): ElfSymbol[] {
  const head = readAt(fd, 0, 64)
  if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return []
  const [at, size, count] = [Number(head.readBigUInt64LE(40)), head.readUInt16LE(58), head.readUInt16LE(60)]
  const table = readAt(fd, at, size * count)
  const section = (i: number) => ({
    type: table.readUInt32LE(i * size + 4),
    offset: Number(table.readBigUInt64LE(i * size + 24)),
    bytes: Number(table.readBigUInt64LE(i * size + 32)),
    link: table.readUInt32LE(i * size + 40),
  })
  const found: ElfSymbol[] = []
  for (let i = 0; i < count; i++) {
    const symbols = section(i)
    // Without names to look for, also what a file that was not stripped says of its inner functions.
    if (symbols.type !== SHT_DYNSYM && (wanted !== undefined || symbols.type !== SHT_SYMTAB)) continue
    const strings = section(symbols.link)
    const names = readAt(fd, strings.offset, strings.bytes)
    const rows = readAt(fd, symbols.offset, symbols.bytes)
    for (let row = 0; row + 24 <= rows.length; row += 24) {
      const isFunction = ((rows[row + 4] as number) & 0xf) === 2 || ((rows[row + 4] as number) & 0xf) === 10
      if (!isFunction || rows.readUInt16LE(row + 6) === 0) continue
      const start = rows.readUInt32LE(row)
      const name = names.toString('latin1', start, names.indexOf(0, start))
      if (wanted !== undefined && !wanted.has(name)) continue
      found.push({ name, address: Number(rows.readBigUInt64LE(row + 8)), size: Number(rows.readBigUInt64LE(row + 16)) })
    }
  }
  return found
}

function readAt(fd: number, offset: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  let got = 0
  while (got < bytes) {
    const read = readSync(fd, buffer, got, bytes - got, offset + got)
    if (read === 0) throw new Error('the file ends early')
    got += read
  }
  return buffer
}
