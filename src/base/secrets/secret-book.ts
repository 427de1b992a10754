/** The replacement for a secret. */
const HIDDEN = '***'
/** Shorter texts are words and numbers, not secrets. */
const SHORTEST = 4
/** From this length on a text is a secret, whatever its characters. */
const SURELY = 8
/** Shorter secrets are only found as whole words: `key1` is not found in `monkey12`. */
const ANYWHERE = 12
/** A truncated secret is recognized by this many characters at its start. */
const FRAGMENT = 12

interface Form {
  readonly text: string
  readonly asWord: boolean
}

/**
 * Secrets of this process, and how to redact them in a text. A secret is also found as JSON, URLs and Basic
 * authentication write it, and where it was truncated after its first 12 characters. Words like `EMPTY`, which stand
 * for no key, are not accepted: redacting them would change what is reported.
 */
export class SecretBook {
  private readonly known = new Set<string>()
  private forms: Form[] = []
  /** The first characters of all forms: a text without any of these holds no secret. */
  private readonly heads = new Set<string>()
  private shortest = Number.POSITIVE_INFINITY

  /** Ignored if it is too short to be a secret, unless `certain`. */
  add(secret: string, certain = false): void {
    if (this.known.has(secret) || secret.length === 0 || !(certain || canBeSecret(secret))) return
    this.known.add(secret)
    for (const text of formsOf(secret)) {
      this.forms.push({ text, asWord: text.length < ANYWHERE && !certain })
      const head = headOf(text)
      this.heads.add(head)
      this.shortest = Math.min(this.shortest, head.length)
    }
    // The longest first: a secret may start with another one.
    this.forms.sort((a, b) => b.text.length - a.text.length)
  }

  /** The text without secrets; the same string if it holds none. */
  redact(text: string): string {
    if (text.length < this.shortest) return text
    let possible = false
    for (const head of this.heads) possible ||= text.includes(head)
    if (!possible) return text
    let clean = text
    // Whole secrets before truncated ones: forms of one secret start alike.
    for (const form of this.forms) clean = without(clean, form, form.text)
    for (const form of this.forms) {
      const head = headOf(form.text)
      if (head.length < form.text.length) clean = without(clean, form, head)
    }
    return clean
  }
}

function headOf(form: string): string {
  return form.length >= FRAGMENT + 4 ? form.slice(0, FRAGMENT) : form
}

/** Redacts each place where a form appears up to `sought`, with as much of the rest as follows there. */
function without(text: string, { text: form, asWord }: Form, sought: string): string {
  let clean = text
  for (let at = clean.indexOf(sought); at !== -1; ) {
    let end = at + sought.length
    for (let i = sought.length; i < form.length && clean[end] === form[i]; i++) end++
    if (asWord && (isWordCharacter(clean, at - 1) || isWordCharacter(clean, end))) {
      at = clean.indexOf(sought, at + 1)
    } else {
      clean = clean.slice(0, at) + HIDDEN + clean.slice(end)
      at = clean.indexOf(sought, at + HIDDEN.length)
    }
  }
  return clean
}

function canBeSecret(text: string): boolean {
  if (/^\d+$/.test(text)) return text.length >= 16
  if (text.length >= SURELY) return true
  return text.length >= SHORTEST && /[a-z]/i.test(text) && /[^a-z]/i.test(text)
}

function formsOf(secret: string): Set<string> {
  const json = JSON.stringify(secret).slice(1, -1)
  const forms = new Set([secret, json, JSON.stringify(json).slice(1, -1), percentEncoded(secret), inQuery(secret)])
  for (const form of [...forms])
    if (form.includes('%')) forms.add(form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()))
  const base64 = Buffer.from(secret).toString('base64').replace(/=+$/, '')
  if (base64.length >= ANYWHERE) forms.add(base64).add(base64.replaceAll('+', '-').replaceAll('/', '_'))
  return forms
}

/** Lone surrogates, which a URL cannot hold, stay. */
function percentEncoded(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    return text
  }
}

function inQuery(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1)
}

function isWordCharacter(text: string, at: number): boolean {
  return /\w/.test(text[at] ?? ' ')
}
