import type { ChainNode } from '../../src/server/web/api-types.ts'
import { duration, number } from '../base/format.ts'
import { href } from '../base/route.ts'
import type { TimelineModel } from './model.ts'
import type { Selection } from './use-selection.ts'

/** What is selected, what belongs to it, and what other threads did meanwhile. */
export function DetailPanel({ id, model, selection }: { id: string; model: TimelineModel; selection: Selection }) {
  const { chain } = model
  const [first] = chain?.nodes ?? []
  const current = selection.current
  return (
    <aside class="detail" aria-label="Selection" aria-live="polite">
      <div class="row">
        <h2 class="clip">{first?.label ?? 'Selection'}</h2>
        <span class="spacer" />
        <button type="button" class="quiet" aria-label="close the selection" onClick={() => selection.select(null)}>
          ✕
        </button>
      </div>
      {selection.problem !== null && <p class="notice bad">{selection.problem}</p>}
      {first !== undefined && (
        <dl>
          <dt>at</dt>
          <dd>{duration(first.t_ns - model.meta.from_ns)}</dd>
          {chain?.facts.map(([name, value]) => (
            <Fact key={name} name={name} value={value} />
          ))}
        </dl>
      )}
      {current?.kind === 'request' && (
        <div class="row">
          <button type="button" onClick={() => selection.step(1)}>
            First token
          </button>
          <a href={href(['run', id, 'requests'], { request: current.id })}>Waterfall and text</a>
        </div>
      )}
      {current?.kind === 'token' && (
        <div class="row">
          <button type="button" onClick={() => selection.step(-1)}>
            ← Token
          </button>
          <button type="button" onClick={() => selection.step(1)}>
            Token →
          </button>
          <button
            type="button"
            class="link"
            onClick={() => selection.select({ kind: 'request', id: current.request }, { fit: true })}
          >
            request {current.request}
          </button>
        </div>
      )}
      {chain !== null && chain.links.length > 0 && <Links model={model} selection={selection} />}
      {chain !== null && chain.links.length === 0 && current?.kind === 'token' && (
        <p class="muted">
          No step is linked to this token: the run has no engine steps. <code>layerline demo --engine vllm</code>{' '}
          records them.
        </p>
      )}
      {chain !== null && chain.meanwhile.length > 0 && (
        <details open>
          <summary>
            <h3>Meanwhile</h3>
          </summary>
          <table class="plain">
            <tbody>
              {chain.meanwhile.map((row, i) => (
                <tr key={i}>
                  <td class="clip">
                    {row.name}
                    <div class="muted small">
                      {row.layer} · {row.thread}
                    </div>
                  </td>
                  <td class="num">
                    {duration(row.busy_ns)}
                    <div class="muted small">{number(row.n)} ×</div>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      )}
    </aside>
  )
}

function Fact({ name, value }: { name: string; value: string | number }) {
  const text =
    typeof value === 'string'
      ? value
      : name.endsWith('_ns')
        ? duration(value)
        : name === 'bytes'
          ? `${number(value)} B`
          : String(value)
  return (
    <>
      <dt>{name.replace(/_ns$/, '').replaceAll('_', ' ')}</dt>
      <dd class={name === 'args' ? 'mono' : ''}>{text}</dd>
    </>
  )
}

function Links({ model, selection }: { model: TimelineModel; selection: Selection }) {
  const { chain } = model
  if (chain === null) return null
  const open = (node: ChainNode) => {
    if (node.kind === 'slice') selection.select({ kind: 'slice', id: node.id }, { fit: true })
    else if (node.token_index !== null)
      selection.select({ kind: 'token', request: node.id, index: node.token_index }, { fit: true })
  }
  return (
    <div>
      <h3>Linked</h3>
      <table class="plain links">
        <tbody>
          {chain.links.slice(0, 80).map((link, i) => {
            const [from, to] = [chain.nodes[link.from], chain.nodes[link.to]]
            const other = link.from === 0 ? to : link.to === 0 ? from : to
            if (other === undefined) return null
            return (
              <tr key={i}>
                <td class="clip">
                  <button type="button" class="link" onClick={() => open(other)}>
                    {other.label || 'without a name'}
                  </button>
                  <div class="muted small">
                    {link.kind}
                    {link.confidence === 'measured' ? '' : ` · ${link.confidence}`}
                  </div>
                </td>
                <td class="num">{other.dur_ns > 0 ? duration(other.dur_ns) : ''}</td>
              </tr>
            )
          })}
        </tbody>
      </table>
    </div>
  )
}
