import { useEffect, useState } from 'preact/hooks'
import type { ImportState } from '../../src/server/web/api-types.ts'
import { getJson, PageError } from '../base/api.ts'
import { go } from '../base/route.ts'

type Shown =
  | { state: 'none' }
  | { state: 'over' }
  | { state: 'sending'; file: string; share: number }
  | { state: 'reading'; file: string }
  | { state: 'failed'; text: string; hint: string | null }

/** Takes a file that is dropped anywhere on the page, has it imported, and opens the run. */
export function DropTarget() {
  const [shown, setShown] = useState<Shown>({ state: 'none' })
  useEffect(() => {
    let depth = 0
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    const over = (event: DragEvent) => {
      if (hasFiles(event)) event.preventDefault()
    }
    const enter = (event: DragEvent) => {
      if (hasFiles(event) && depth++ === 0) setShown({ state: 'over' })
    }
    const leave = (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) setShown((now) => (now.state === 'over' ? { state: 'none' } : now))
    }
    const drop = (event: DragEvent) => {
      depth = 0
      const file = event.dataTransfer?.files[0]
      if (file === undefined) return
      event.preventDefault()
      void importFile(file, setShown)
    }
    const chosen = (event: Event) => void importFile((event as CustomEvent<File>).detail, setShown)
    addEventListener('dragover', over)
    addEventListener('dragenter', enter)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    addEventListener('importfile', chosen)
    return () => {
      removeEventListener('dragover', over)
      removeEventListener('dragenter', enter)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
      removeEventListener('importfile', chosen)
    }
  }, [])
  if (shown.state === 'none') return null
  if (shown.state === 'over') return <div class="drop-over">Drop the file to import it</div>
  return (
    <div class="toast" role="status">
      {shown.state === 'sending' && (
        <>
          Sending {shown.file} … <progress value={shown.share} max={1} aria-label="sent" />
        </>
      )}
      {shown.state === 'reading' && (
        <>
          Importing {shown.file} … <progress aria-label="importing" />
        </>
      )}
      {shown.state === 'failed' && (
        <>
          <strong>{shown.text}</strong>
          {shown.hint !== null && <p>{shown.hint}</p>}
          <button type="button" onClick={() => setShown({ state: 'none' })}>
            Close
          </button>
        </>
      )}
    </div>
  )
}

async function importFile(file: File, show: (shown: Shown) => void): Promise<void> {
  try {
    let state = await send(file, (share) => show({ state: 'sending', file: file.name, share }))
    while (state.state === 'reading') {
      show({ state: 'reading', file: file.name })
      await new Promise((resolve) => setTimeout(resolve, 400))
      state = await getJson<ImportState>(`/api/import/${state.id}`)
    }
    if (state.state === 'failed')
      throw new PageError(state.error ?? { code: '', message: 'The import failed', hint: null })
    show({ state: 'none' })
    go(['run', state.run ?? '', 'overview'])
  } catch (error) {
    const hint = error instanceof PageError ? error.hint : null
    show({ state: 'failed', text: error instanceof Error ? error.message : String(error), hint })
  }
}

/** XMLHttpRequest, because fetch does not tell how much was sent. */
function send(file: File, onShare: (share: number) => void): Promise<ImportState> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', `/api/import?name=${encodeURIComponent(file.name)}`)
    request.upload.addEventListener('progress', ({ loaded, total }) => onShare(total === 0 ? 0 : loaded / total))
    request.addEventListener('error', () => reject(new Error('The server does not answer.')))
    request.addEventListener('load', () => {
      const answer = JSON.parse(request.responseText) as ImportState & { error: PageError | null }
      if (request.status === 200) resolve(answer)
      else reject(new PageError(answer.error ?? { code: '', message: request.responseText, hint: null }))
    })
    request.send(file)
  })
}
