import { expect, test } from 'vitest'
import { learnSecret } from '../base/secrets/secrets.ts'
import { runJsonSchema } from '../trace/run-json.ts'
import { withoutKnownSecrets } from './run-secrets.ts'

const engine = {
  url: 'http://h/',
  server: 'run-secret-42',
  version: null,
  arguments: ['serve', '--api-key', 'never-learnt', '--token=never-learnt', '--port', '80'],
  model: 'm',
  model_sha256: null,
  tokenizer_sha256: null,
  max_model_len: null,
  same_host: null,
  pid: null,
}

test('run.json keeps no secret, and stays a run.json whatever the secret is', () => {
  const run = runJsonSchema.parse({
    format: { major: 1, minor: 0 },
    layerline: '0',
    run_id: 'r',
    state: 'recording',
    command: 'trace',
    config: {
      settings: { api_key_file: { value: '/home/me/key', source: '--api-key-file' } },
      plan: { identity: { stages: [{ sampling: { access_token: 'by-its-name', min_tokens: 3 } }] } },
    },
    epoch_ns: '17000000000000000001',
    clock_bases: {},
    started: 's',
    ended: null,
    hosts: [],
    engine,
    sampling: { user: 'run-secret-42', temperature: 0 },
    seed: 1,
    shards: [],
    layers: {},
    verdict: [{ level: 'bad', what: 'x', text: 'HTTP 401: run-secret-42' }],
  })
  learnSecret('run-secret-42')
  learnSecret('recording')
  const kept = withoutKnownSecrets(run)
  expect(JSON.stringify(kept)).not.toMatch(/run-secret-42|never-learnt|by-its-name/)
  expect(runJsonSchema.parse(kept)).toEqual(kept)
  expect(kept.state).toBe('recording')
  expect(kept.config.settings).toEqual(run.config.settings)
  expect(kept.engine?.arguments).toEqual(['serve', '--api-key', '***', '--token=***', '--port', '80'])
})
