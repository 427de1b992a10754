import type { Layer } from '../../src/server/web/api-types.ts'
import { Command } from '../parts/states.tsx'

/** What was recorded; for what was not, the command that adds it. */
export function Layers({ layers }: { layers: readonly Layer[] }) {
  return (
    <section class="panel">
      <header>
        <h2>Layers</h2>
        <span class="muted">
          {layers.filter(({ present }) => present).length} of {layers.length} recorded
        </span>
      </header>
      <ul class="layers">
        {layers.map(({ layer, present, what, command }) => (
          <li key={layer} class={present ? 'present' : 'missing'}>
            <span class="mark" role="img" aria-label={present ? 'recorded' : 'not recorded'}>
              {present ? '✓' : '○'}
            </span>
            <span class="layer">{layer}</span>
            {command === null ? (
              <span class="muted">{what}</span>
            ) : (
              <details>
                <summary class="muted">add: {what}</summary>
                <Command line={command} />
              </details>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}
