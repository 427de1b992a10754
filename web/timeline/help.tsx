import { useRef } from 'preact/hooks'

const KEYS = [
  ['W, S', 'zoom in and out, where the pointer is'],
  ['A, D, ←, →', 'pan'],
  ['Ctrl + wheel', 'zoom; the wheel alone scrolls, and zooms where nothing scrolls'],
  ['Shift + wheel', 'pan'],
  ['0', 'the whole run'],
  ['drag', 'select a range; with Shift, or in the ruler, pan'],
  ['R', 'select the middle of what is in sight'],
  ['F', 'zoom to the selection'],
  ['click', 'select a token, request, step or kernel; double-click zooms there'],
  [', and .', 'the token before and after'],
  ['L', 'to the first link of the selection'],
  ['/', 'search requests and slices'],
  ['Esc', 'clear the selection'],
  ['?', 'this help'],
] as const

export function HelpButton() {
  const dialog = useRef<HTMLDialogElement>(null)
  return (
    <>
      <button type="button" class="help-button" aria-label="keys" onClick={() => dialog.current?.showModal()}>
        ?
      </button>
      <dialog ref={dialog} aria-label="Keys of the timeline">
        <form method="dialog" class="stack">
          <h2>Keys of the timeline</h2>
          <table class="plain">
            <tbody>
              {KEYS.map(([key, what]) => (
                <tr key={key}>
                  <th scope="row">
                    <kbd>{key}</kbd>
                  </th>
                  <td>{what}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <p class="muted">
            Lines between a token, its step and its kernels: drawn through, they were measured; dashed, inferred or
            modelled. Hatched stretches are outages: nothing was recorded.
          </p>
          <button type="submit">Close</button>
        </form>
      </dialog>
    </>
  )
}
