const MOST_NAMES = 6
/** Enough of a page to tell what it is. */
const LOOKED_AT = 200_000

/** Pages on which every name is of these; the process's own names stand on most pages. */
const EXPORTERS: readonly (readonly [RegExp, string])[] = [
  [/^(process|python|go|promhttp|http|scrape|up)(_|$)/, 'a process that shows nothing but itself'],
  [/^(DCGM|dcgm)_|^(process|go|promhttp)_/, 'a DCGM exporter, which is for `--gpu dcgm:URL`'],
  [/^node_|^(process|go|promhttp)_/, "a machine's node_exporter"],
  [/^(litellm|process|python)_/, 'LiteLLM, a proxy'],
  [/^(nv|process)_/, 'Triton'],
]

/** What a page that is no page of the metrics sought is instead, for errors: a phrase. */
export function whatPage(page: string): string {
  const start = page
    .slice(0, LOOKED_AT)
    .replace(/^\ufeff/, '')
    .trimStart()
  if (start === '') return 'the page is empty'
  if (start.startsWith('\u001f') || start.includes('\ufffd')) return 'the answer is no text: compressed or binary data'
  if (/^<(!doctype|html|\?xml)/i.test(start)) return 'it is a web page (HTML)'
  if (/^[{[]/.test(start)) return 'it is JSON'
  const names = namesOn(start)
  if (names.length === 0) return `it begins with ${JSON.stringify(start.slice(0, 60))}`
  const who = EXPORTERS.find(([pattern]) => names.every((name) => pattern.test(name)))?.[1]
  return `${who === undefined ? '' : `it is the page of ${who}; `}found there: ${names.slice(0, MOST_NAMES).join(', ')}${names.length > MOST_NAMES ? `, … (${names.length} names)` : ''}`
}

/** Names of metrics on a page, one of each family that shares its first word before the second of any. */
export function namesOn(page: string): string[] {
  const names = new Set<string>()
  for (const [, name = ''] of page.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{.*\})?[ \t]+[-+.\dNI]/gim)) names.add(name)
  const families = new Set<string>()
  const first = [...names].filter((name) => {
    const family = name.split(/[_:]/, 1)[0] ?? name
    return !families.has(family) && families.add(family)
  })
  return [...first, ...[...names].filter((name) => !first.includes(name))]
}
