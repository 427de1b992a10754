import { useState } from 'preact/hooks'
import type { RunRow, ServedInfo } from '../../src/server/web/api-types.ts'
import { go } from '../base/route.ts'
import { type Answer, useAnswer } from '../base/use-answer.ts'
import { Answered, Command, Empty } from '../parts/states.tsx'
import { RunTable } from './run-table.tsx'

export function RunsPage({ info }: { info: Answer<ServedInfo> }) {
  const [again, setAgain] = useState(0)
  const answer = useAnswer<RunRow[]>('/api/runs', again)
  const [filter, setFilter] = useState('')
  const [chosen, setChosen] = useState<readonly string[]>([])
  const [a, b] = chosen
  return (
    <div class="page">
      <h1 class="hidden-label">Runs</h1>
      <Answered answer={answer} what="Reading the runs …">
        {(runs) =>
          runs.length === 0 ? (
            <NoRuns folder={info.state === 'done' ? info.value.folder : ''} />
          ) : (
            <section class="panel" aria-labelledby="runs-title">
              <header>
                <h2 id="runs-title">Runs</h2>
                <span class="muted">{info.state === 'done' ? info.value.folder : ''}</span>
                <span class="spacer" />
                <button
                  type="button"
                  disabled={b === undefined}
                  onClick={() => go(['compare'], { a: a ?? '', b: b ?? '' })}
                >
                  Compare {chosen.length === 0 ? '' : chosen.length}
                </button>
                <ImportButton />
                <input
                  type="search"
                  placeholder="Filter"
                  aria-label="filter the runs"
                  value={filter}
                  onInput={(event) => setFilter(event.currentTarget.value)}
                />
              </header>
              <RunTable
                runs={runs.filter((run) => matches(run, filter))}
                chosen={chosen}
                onChoose={setChosen}
                onChanged={() => setAgain(again + 1)}
              />
            </section>
          )
        }
      </Answered>
    </div>
  )
}

function matches(run: RunRow, filter: string): boolean {
  const text = [run.run_id, run.id, run.model, run.engine, run.command, run.note, ...run.tags].join(' ').toLowerCase()
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word))
}

function ImportButton() {
  return (
    <label class="file-button">
      Import a file
      <input
        type="file"
        class="hidden-label"
        onChange={(event) => {
          const [file] = event.currentTarget.files ?? []
          if (file !== undefined) dispatchEvent(new CustomEvent('importfile', { detail: file }))
        }}
      />
    </label>
  )
}

function NoRuns({ folder }: { folder: string }) {
  return (
    <Empty title="No runs here yet">
      <p>{folder} holds no recording. A first one takes a minute and needs no GPU, no root and no server:</p>
      <Command line="layerline demo" />
      <p>With a server of your own:</p>
      <Command line="layerline trace --prompts samples/prompts.csv --url http://127.0.0.1:8000" />
      <p>Or drop a file here: a profile of PyTorch or vLLM, results of vllm bench, AIPerf or GuideLLM, a Tracer CSV.</p>
      <ImportButton />
    </Empty>
  )
}
