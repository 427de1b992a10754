import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { startLlamacpp } from '../src/engines/llamacpp/control.ts'
import { pythonWith, whyNoPip } from './support/python-packages.ts'

const run = promisify(execFile)
const CLIENT = 'openai==3.54.0'
const SCRIPT = fileURLToPath(new URL('./python/openai_client_check.py', import.meta.url))

it('contents the OpenAI Python client', { timeout: 15 * 60_000 }, async (context) => {
  const missing = await whyNoPip()
  if (missing !== undefined) context.skip(missing)
  const python = await pythonWith(CLIENT)
  const engine = await startLlamacpp({ sequences: 2, contextTokens: 1024 })
  try {
    const { stdout } = await run(python, [SCRIPT, engine.url, engine.model])
    const found = JSON.parse(stdout)
    expect(found).toMatchObject({
      models: [engine.model],
      retrieved: engine.model,
      chat: {
        role: 'assistant',
        text: expect.stringMatching(/sky/i),
        reasons: [expect.stringMatching(/^(stop|length)$/)],
        total_is_sum: true,
      },
      whole: { object: 'chat.completion', role: 'assistant', completion_tokens: 4, request_id: true },
      completion: { text: ' 5, 6,', reason: 'stop' },
      streamed: ' 5, 6,',
      not_found: [404, 'model_not_found', 'model'],
      bad_request: [400, 'unsupported_parameter', 'n'],
      too_long: 'context_length_exceeded',
    })
    expect(found.chat.with_text).toBe(found.chat.completion_tokens)
    expect(found.whole.text).not.toBe('')
  } finally {
    await engine.stop()
  }
})
