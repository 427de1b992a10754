import { expect, it } from 'vitest'
import { Metrics } from './metrics.ts'

it('writes every metric with its type and labels, in lines that Prometheus reads', () => {
  const metrics = new Metrics('odd "name"\\\n')
  metrics.promptTokens = 12
  metrics.finished.length = 2
  const text = metrics.text({ running: 1, waiting: 3, cacheUsage: 0.25 })
  const labels = 'engine="0",model_name="odd \\"name\\"\\\\\\n"'
  expect(text).toContain(`vllm:prompt_tokens_total{${labels}} 12\n`)
  expect(text).toContain(`vllm:kv_cache_usage_perc{${labels}} 0.25\n`)
  expect(text).toContain(`vllm:request_success_total{${labels},finished_reason="length"} 2\n`)
  const typed = new Set([...text.matchAll(/^# TYPE (\S+) (counter|gauge)$/gm)].map((match) => match[1]))
  for (const line of text.trimEnd().split('\n')) {
    if (!line.startsWith('#')) expect(typed).toContain(/^([a-z_:]+)\{.*\} [\d.]+$/.exec(line)?.[1])
  }
})
