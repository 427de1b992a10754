import type { RequestDetail as Detail } from '../../src/server/web/api-types.ts'
import { runPath } from '../base/api.ts'
import { ms, number } from '../base/format.ts'
import { href } from '../base/route.ts'
import { useAnswer } from '../base/use-answer.ts'
import { Answered } from '../parts/states.tsx'

const PARTS: Readonly<Record<string, [string, string]>> = {
  due_to_sent: ['due to sent', 'client'],
  queue: ['queue', 'host'],
  prefill: ['prefill', 'prefill'],
  to_client: ['to the client', 'client'],
  first_token: ['first token', 'prefill'],
  decode: ['decode', 'decode'],
  end: ['end', 'kernel'],
}

/** One request: where its time went, its gaps, its texts. */
export function RequestDetail({ id, request, onClose }: { id: string; request: number; onClose: () => void }) {
  const answer = useAnswer<Detail>(runPath(id, `/requests/${request}`))
  return (
    <aside class="detail" aria-label={`request ${request}`}>
      <div class="row">
        <h2>Request {request}</h2>
        <a href={href(['run', id, 'timeline'], { request })}>in the timeline</a>
        <span class="spacer" />
        <button type="button" class="quiet" aria-label="close the request" onClick={onClose}>
          ✕
        </button>
      </div>
      <Answered answer={answer} what="Reading the request …">
        {({ story, row, prompt, output }) => (
          <>
            <Waterfall parts={story.parts} />
            <dl>
              <dt>status</dt>
              <dd>{story.status}</dd>
              {story.error !== null && (
                <>
                  <dt>error</dt>
                  <dd>{story.error}</dd>
                </>
              )}
              <dt>tokens</dt>
              <dd>
                {number(story.input_tokens)} in
                {story.cached_tokens === null ? '' : ` (${number(story.cached_tokens)} cached)`},{' '}
                {number(story.output_tokens)} out
              </dd>
              <dt>steps</dt>
              <dd>{story.steps.length === 0 ? 'not recorded' : number(story.steps.length)}</dd>
              {['prompt_id', 'session_id', 'finish_reason', 'endpoint', 'model', 'note'].map((key) =>
                row[key] === null || row[key] === undefined ? null : (
                  <Pair key={key} name={key.replaceAll('_', ' ')} value={String(row[key])} />
                ),
              )}
            </dl>
            <Gaps tokens={story.tokens} id={id} request={request} />
            {prompt !== null && (
              <div class="texts">
                <h3>Prompt</h3>
                <pre dir="auto">{prompt}</pre>
              </div>
            )}
            {output !== null && (
              <div class="texts">
                <h3>Output</h3>
                <pre dir="auto">{output}</pre>
              </div>
            )}
            {prompt === null && output === null && <p class="muted">Texts are kept with --texts.</p>}
          </>
        )}
      </Answered>
    </aside>
  )
}

function Pair({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function Waterfall({ parts }: { parts: Detail['story']['parts'] }) {
  const total = parts.reduce((sum, part) => sum + Math.max(0, part.ms), 0)
  if (total <= 0) return <p class="muted">It was never sent.</p>
  let from = 0
  return (
    <div class="waterfall">
      {parts.map(({ part, ms: length }) => {
        const [name, colour] = PARTS[part] ?? [part, 'host']
        const left = from
        from += Math.max(0, length)
        return (
          <div key={part}>
            <span>{name}</span>
            <span class="track">
              <span
                class={`fill-${colour}`}
                style={{ left: `${(left / total) * 100}%`, width: `${(Math.max(0, length) / total) * 100}%` }}
              />
            </span>
            <span class="num">{ms(length)}</span>
          </div>
        )
      })}
    </div>
  )
}

/** The gap before each token event; the longest leads to the timeline. */
function Gaps({ tokens, id, request }: { tokens: Detail['story']['tokens']; id: string; request: number }) {
  const gaps = tokens.filter(({ gap_ms }) => gap_ms !== null)
  if (gaps.length < 2) return null
  const most = Math.max(...gaps.map(({ gap_ms }) => gap_ms ?? 0))
  const longest = gaps.find(({ gap_ms }) => gap_ms === most)
  const width = 320
  return (
    <div>
      <h3>Gaps between token events, up to {ms(most)}</h3>
      <svg
        class="chart"
        viewBox={`0 0 ${width} 60`}
        role="img"
        aria-label={`${gaps.length} gaps, the longest ${ms(most)}`}
      >
        {gaps.map(({ gap_ms }, i) => {
          const h = Math.max(0.5, ((gap_ms ?? 0) / most) * 56)
          return (
            <rect
              key={i}
              class={gap_ms === most ? 'over' : 'bar-shape'}
              x={(i / gaps.length) * width}
              width={Math.max(0.6, width / gaps.length - 0.4)}
              y={60 - h}
              height={h}
            />
          )
        })}
      </svg>
      {longest !== undefined && (
        <a href={href(['run', id, 'timeline'], { request, token: longest.index })}>
          the token after the longest gap, in the timeline
        </a>
      )}
    </div>
  )
}
