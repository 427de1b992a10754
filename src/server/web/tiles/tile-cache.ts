import type { Columns } from './columns.ts'

/** The parts of tiles that were used last; bounded by how many numbers they hold. */
export class TileCache {
  private readonly parts = new Map<string, Columns>()
  private readonly limit: number
  private held = 0

  constructor(limit: number) {
    this.limit = limit
  }

  get(key: string): Columns | undefined {
    const found = this.parts.get(key)
    if (found !== undefined) {
      this.parts.delete(key)
      this.parts.set(key, found)
    }
    return found
  }

  set(key: string, part: Columns): void {
    const before = this.parts.get(key)
    if (before !== undefined) this.held -= sizeOf(before)
    this.parts.delete(key)
    this.parts.set(key, part)
    this.held += sizeOf(part)
    for (const [oldest, old] of this.parts) {
      if (this.held <= this.limit || oldest === key) break
      this.parts.delete(oldest)
      this.held -= sizeOf(old)
    }
  }

  clear(): void {
    this.parts.clear()
    this.held = 0
  }

  get numbers(): number {
    return this.held
  }
}

/** An empty part takes a place, too. */
function sizeOf({ data }: Columns): number {
  return 16 + data.length * (data[0]?.length ?? 0)
}
