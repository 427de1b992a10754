/** Conversations whose last turn is remembered. */
const MAX_CHATS = 500_000

/**
 * Names a conversation by its first turn, where each turn has an id of its own and names the one before. What is
 * remembered is bounded: a turn whose parent is forgotten, or was never there, begins a conversation.
 */
export class SessionRoots {
  private readonly roots = new Map<string, { readonly root: string; readonly line: number }>()

  /** The conversation of a turn, the line of the one it answers, and whether that is missing. `parent` '-1' or '' is none. */
  of(id: string, parent: string, line: number): { root: string; parentLine: number | null; isCut: boolean } {
    const isFirst = parent === '-1' || parent === ''
    const known = isFirst ? undefined : this.roots.get(parent)
    const root = known?.root ?? id
    this.roots.set(id, { root, line })
    if (this.roots.size > MAX_CHATS) this.roots.delete(this.roots.keys().next().value as string)
    return { root, parentLine: known?.line ?? null, isCut: !isFirst && known === undefined }
  }
}
