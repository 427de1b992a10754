import { useRef, useState } from 'preact/hooks'
import type { RunRow } from '../../src/server/web/api-types.ts'
import { runPath, sendJson } from '../base/api.ts'

/** Tags, a note, and deletion with a question. */
export function RunMenu({ run, onChanged }: { run: RunRow; onChanged: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [tags, setTags] = useState(run.tags.join(', '))
  const [note, setNote] = useState(run.note)
  const [sure, setSure] = useState(false)
  const [wrong, setWrong] = useState('')
  const done = (work: Promise<unknown>) => {
    work.then(
      () => {
        dialog.current?.close()
        onChanged()
      },
      (error: unknown) => setWrong(error instanceof Error ? error.message : String(error)),
    )
  }
  const labels = {
    tags: tags
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean),
    note,
  }
  return (
    <>
      <button
        type="button"
        class="quiet"
        aria-label={`tags, note, delete: ${run.run_id}`}
        onClick={() => dialog.current?.showModal()}
      >
        ⋯
      </button>
      <dialog ref={dialog} aria-label={run.run_id} onClose={() => setSure(false)}>
        <form method="dialog" class="stack">
          <h2 class="clip">{run.run_id}</h2>
          <p class="muted mono small">{run.path}</p>
          {run.problem !== null && <p class="notice bad">{run.problem}</p>}
          <label>
            Tags, with commas
            <input value={tags} onInput={(event) => setTags(event.currentTarget.value)} />
          </label>
          <label>
            Note
            <textarea rows={3} value={note} onInput={(event) => setNote(event.currentTarget.value)} />
          </label>
          {wrong !== '' && <p class="notice bad">{wrong}</p>}
          <div class="row">
            <button
              type="button"
              class="primary"
              onClick={() => done(sendJson('PUT', runPath(run.id, '/labels'), labels))}
            >
              Save
            </button>
            <button type="submit">Close</button>
            <span class="spacer" />
            {sure ? (
              <button type="button" class="danger" onClick={() => done(sendJson('DELETE', runPath(run.id), {}))}>
                Delete its files for good
              </button>
            ) : (
              <button type="button" class="quiet" onClick={() => setSure(true)}>
                Delete …
              </button>
            )}
          </div>
        </form>
      </dialog>
    </>
  )
}
