import { expect, test } from 'vitest'
import { tempFolder } from '../../../test/support/temp-folder.ts'
import { LiveStore, MAX_UNCOMMITTED_BYTES } from './live-store.ts'

const open = () =>
  LiveStore.open({ folder: tempFolder(), shard: 0, socket: null }, (error) => expect.unreachable(error.message))

/** Of a row of `chunks` in memory. */
const ROW_BYTES = 34

test('rows that wait for their commit hold so much at most; the rest of a large table is dropped and counted', async () => {
  const store = await open()
  const { chunks, offers } = store.writers
  const written = Math.ceil((1.2 * MAX_UNCOMMITTED_BYTES) / ROW_BYTES)
  // In one pass of the event loop, so that no message of the store arrives meanwhile.
  for (let i = 0; i < written; i++) {
    const at = chunks.next()
    chunks.columns.request_id[at] = i
    if (i % 1000 === 0) chunks.settle()
  }
  offers.append({ request_id: 1, shard: 0, scheduled_ns: 0, sent_ns: 0, phase: 0, repeat: 0 })
  store.flush()
  await store.commit()
  // There is room again.
  chunks.next()
  const { rows, dropped } = await store.close()
  const [kept = 0, gone = 0] = [rows.chunks, dropped.chunks]
  expect(kept + gone).toBe(written + 1)
  expect(gone).toBeGreaterThan(0)
  expect((kept - 1) * ROW_BYTES).toBeLessThanOrEqual(MAX_UNCOMMITTED_BYTES)
  expect((kept - 1) * ROW_BYTES).toBeGreaterThan(0.9 * MAX_UNCOMMITTED_BYTES)
  expect(rows.offers).toBe(1)
})

test('texts count by what they hold', async () => {
  const store = await open()
  const { texts } = store.writers
  const output = 'x'.repeat(2 ** 20)
  const written = Math.ceil((1.2 * MAX_UNCOMMITTED_BYTES) / (2 * output.length))
  for (let request_id = 0; request_id < written; request_id++) texts.append({ request_id, output })
  const { rows, dropped } = await store.close()
  expect((rows.texts ?? 0) + (dropped.texts ?? 0)).toBe(written)
  expect(dropped.texts).toBeGreaterThan(0)
  expect((rows.texts ?? 0) * 2 * output.length).toBeLessThanOrEqual(MAX_UNCOMMITTED_BYTES)
})
