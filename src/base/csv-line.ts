/** One line of CSV with its end; what is null or undefined is an empty field. */
export function csvLine(values: readonly unknown[]): string {
  const fields = values.map((value) => {
    const text = value === null || value === undefined ? '' : String(value)
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  })
  return `${fields.join(',')}\n`
}
