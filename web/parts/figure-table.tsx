/** Rows of names and what they are; empty ones are left out. */
export function FigureTable({
  title,
  note,
  rows,
}: {
  title: string
  note?: string
  rows: readonly (readonly [string, string] | null)[]
}) {
  const shown = rows.filter((row) => row !== null && row[1] !== '–')
  if (shown.length === 0) return null
  return (
    <section class="panel">
      <header>
        <h2>{title}</h2>
        {note !== undefined && <span class="muted">{note}</span>}
      </header>
      <div class="body">
        <table class="plain">
          <tbody>
            {shown.map((row) => (
              <tr key={row?.[0]}>
                <td>{row?.[0]}</td>
                <td class="num">{row?.[1]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
