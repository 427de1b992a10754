import type { ComponentChildren } from 'preact'
import type { Report } from '../../src/server/web/api-types.ts'
import { ms, number, percent } from '../base/format.ts'

type Distribution = Report['latency']['ttft_ms']

/** Four figures with their intervals, and how they stand to the objectives. */
export function FourFigures({ report, form }: { report: Report; form: ComponentChildren }) {
  const { latency, slo, hardware, tokens } = report
  const goodput = slo?.goodput?.requests_per_s ?? null
  const energy = hardware.energy[0]
  return (
    <div class="figures">
      <Latency name="TTFT" distribution={latency.ttft_ms} slo={limitOf(report, 'ttft')} />
      <Latency name="ITL" distribution={latency.itl_ms} slo={limitOf(report, 'itl')} />
      {slo === null ? (
        <figure class="figure">
          <figcaption>Goodput</figcaption>
          {form}
          <span class="muted">name objectives to count what keeps them</span>
        </figure>
      ) : (
        <figure class="figure">
          <figcaption>Goodput</figcaption>
          <span class="value">{goodput === null ? '–' : `${number(goodput.value)} /s`}</span>
          <span class="muted">
            {goodput?.low == null ? 'too few for an interval' : `${number(goodput.low)} – ${number(goodput.high)}`} ·{' '}
            {percent(slo.offered === 0 ? null : slo.met / slo.offered)} attained
          </span>
          {form}
        </figure>
      )}
      {energy === undefined ? (
        <figure class="figure">
          <figcaption>Output</figcaption>
          <span class="value">
            {tokens.output_per_s === null ? '–' : `${number(tokens.output_per_s.value)} tokens/s`}
          </span>
          <span class="muted">
            {tokens.output_per_s?.low == null
              ? ''
              : `${number(tokens.output_per_s.low)} – ${number(tokens.output_per_s.high)} · `}
            no power sensor: no J/token
          </span>
        </figure>
      ) : (
        <Energy energy={energy} />
      )}
    </div>
  )
}

function limitOf({ slo }: Report, metric: string) {
  const limit = slo?.limits.find((each) => each.metric === metric)
  return limit === undefined ? null : limit
}

function Latency({
  name,
  distribution,
  slo,
}: {
  name: string
  distribution: Distribution
  slo: ReturnType<typeof limitOf>
}) {
  if (distribution === null) {
    return (
      <figure class="figure">
        <figcaption>{name} p99</figcaption>
        <span class="value muted">–</span>
        <span class="muted">nothing was measured</span>
      </figure>
    )
  }
  const shown = (['p99', 'p90', 'p50'] as const).find((p) => !('too_few' in distribution[p]))
  const percentile = shown === undefined ? null : (distribution[shown] as { value: number; low: number; high: number })
  const short =
    'too_few' in distribution.p99
      ? `p99 wants ${distribution.p99.too_few} requests, has ${distribution.requests}`
      : null
  return (
    <figure class="figure">
      <figcaption>
        {name} {shown ?? 'max'}
        {slo !== null && (
          <span class={`badge ${slo.missed === 0 ? 'ok' : 'bad'}`}>
            {slo.missed === 0 ? 'all within' : `${number(slo.missed)} over`} {ms(slo.limit_ms)}
          </span>
        )}
      </figcaption>
      <span class="value">{ms(percentile?.value ?? distribution.max)}</span>
      <span class="muted">
        {percentile === null ? '' : `${ms(percentile.low)} – ${ms(percentile.high)}`}
        {short === null ? '' : ` · ${short}`}
      </span>
    </figure>
  )
}

function Energy({ energy }: { energy: Report['hardware']['energy'][number] }) {
  const { j_per_output_token: each, j_per_output_token_with_idle: withIdle } = energy.tokens
  return (
    <figure class="figure">
      <figcaption>Energy per output token, {energy.scope === 'gpu' ? 'GPUs' : 'processors'}</figcaption>
      <span class="value">{each === null ? '–' : `${number(each.value)} J`}</span>
      <span class="muted">
        {each === null ? 'too short for the sensor' : `${number(each.low)} – ${number(each.high)} J`}
        {withIdle === null ? '' : ` · ${number(withIdle)} J with idle time`}
      </span>
    </figure>
  )
}
