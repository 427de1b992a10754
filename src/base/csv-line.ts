/** One line of CSV with its newline; null and undefined become empty fields. */
export function csvLine(values: readonly unknown[]): string {
  const fields = values.map((value) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${fields.join(',')}\n`
}
