import { useState } from 'preact/hooks'

/** Objectives, as `--slo` takes them. */
export function SloForm({ value, onChange }: { value: string; onChange: (slo: string) => void }) {
  const [text, setText] = useState(value)
  return (
    <form
      class="slo-form"
      onSubmit={(event) => {
        event.preventDefault()
        onChange(text.trim())
      }}
    >
      <input
        aria-label="objectives, like ttft=500ms,itl=50ms"
        placeholder="ttft=500ms,itl=50ms"
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit">Apply</button>
    </form>
  )
}
