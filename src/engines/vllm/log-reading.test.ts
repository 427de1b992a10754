import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { failureReason, PhaseReader } from './log-reading.ts'

it.each([
  [
    'the last exception',
    "json.decoder.JSONDecodeError: Expecting ','\n\nDuring handling:\n\nOSError: config.json is not a valid JSON file.\n",
    'OSError: config.json is not a valid JSON file.',
  ],
  [
    'what a child process gave as the root cause',
    `(Worker pid=1) ERROR 11-22 04:56:08 [executor.py:953] Traceback (most recent call last):
(Worker pid=1) ERROR 11-22 04:56:08 [executor.py:953] safetensors._rust.SafetensorError: incomplete metadata
(EngineCore pid=2) ERROR 11-22 04:56:09 [core.py:1] Exception: WorkerProc initialization failed due to an exception in a background process. See stack trace for root cause above.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
`,
    'SafetensorError: incomplete metadata',
  ],
  [
    'what pydantic says below',
    `pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig
  Value error, User-specified max_model_len (9999) is greater [type=value_error, input_value=ArgsKwargs(...)]
    For further information visit a page
`,
    'ValidationError: User-specified max_model_len (9999) is greater',
  ],
  [
    'a wrong argument',
    'usage: api_server.py [-h]\napi_server.py: error: unrecognized arguments: --colour\n',
    'error: unrecognized arguments: --colour',
  ],
  ['the last line where there is no exception', 'one\n\ntwo\n\n', 'two'],
  ['that there was nothing', '', 'it printed nothing'],
])('finds in a log %s', (_, log, reason) => {
  expect(failureReason(log)).toBe(reason)
})

it('follows the phases of a start as the log grows, a phrase in two parts too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'layerline-log-'))
  try {
    const path = join(folder, 'log')
    writeFileSync(path, 'Triton is installed\n')
    const phases = new PhaseReader(path)
    expect(phases.poll()).toBeUndefined()
    expect(phases.lastLine).toBe('Triton is installed')
    appendFileSync(path, "INFO non-default args: {'a': 1}\nINFO Resolved arch")
    expect(phases.poll()?.share).toBe(0.25)
    appendFileSync(path, 'itecture: LlamaForCausalLM\n')
    expect(phases.poll()?.text).toBe('starting its engine process')
    expect(phases.lastLine).toBe('INFO Resolved architecture: LlamaForCausalLM')
    const said = '(Worker pid=7) INFO 11-22 04:56:08 [loader.py:1] '
    appendFileSync(path, `${said}\u001b[32mLoading: 0 %\rLoading: 50 %\u001b[0m\n${said}\n${said}half a`)
    phases.poll()
    expect(phases.lastLine).toBe('Loading: 50 %')
    appendFileSync(path, ' line\n')
    phases.poll()
    expect(phases.lastLine).toBe('half a line')
    expect(phases.poll()).toBeUndefined()
    appendFileSync(path, `Starting to load model m\n${'x'.repeat(200_000)}\nKV cache size: 1\n`)
    expect(phases.poll()?.text).toBe('warming up')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
