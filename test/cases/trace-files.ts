/** Traces of arrivals in the shapes that other tools hand around. */

const jsonl = (rows: readonly object[]) => `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`

/** AIPerf's and Dynamo's Mooncake: sessions, whose later turns have a delay instead of a time. */
export function delayedTurns(): string {
  const first = (session_id: string, timestamp: number) => ({
    session_id,
    input_length: 40,
    output_length: 6,
    timestamp,
  })
  const later = (session_id: string, input_length: number, more: object = { output_length: 6 }) => ({
    session_id,
    input_length,
    delay: 500,
    ...more,
  })
  return jsonl([
    first('s1', 0),
    later('s1', 70),
    first('s2', 400),
    later('s2', 70),
    later('s1', 100),
    later('s2', 100, {}),
  ])
}

/** The same turns, all with a time. */
export function stampedTurns(): string {
  const at = (session_id: string, timestamp: number, input_length: number) => ({
    session_id,
    timestamp,
    input_length,
    output_length: 6,
  })
  return jsonl([
    at('s1', 0, 40),
    at('s2', 400, 40),
    at('s1', 500, 70),
    at('s2', 900, 70),
    at('s1', 1000, 100),
    at('s2', 1400, 100),
  ])
}

/** Mooncake's keys, with seconds and blocks of 16. */
export function secondsAsMooncake(): string {
  return jsonl(
    Array.from({ length: 24 }, (_, i) => {
      const input_length = 48 + 8 * (i % 5)
      const own = Array.from({ length: Math.ceil(input_length / 16) - 1 }, (_, j) => 100 * (i + 1) + j)
      return { timestamp: i / 2, input_length, output_length: 8 + (i % 3), hash_ids: [0, ...own] }
    }),
  )
}

/** Ten rows on each of six stamps, a tick of 3 s, two of them 1 ms off. */
export function ticks(): string {
  return jsonl(
    [0, 3000, 5999, 9000, 12_000, 15_000, 18_000].flatMap((timestamp) =>
      Array.from({ length: 10 }, () => ({ timestamp, input_length: 600, output_length: 5, hash_ids: [0, timestamp] })),
    ),
  )
}

const row = (chat: number, parent: number, at: number, input: number, output: number, hash_ids?: number[]) => ({
  chat_id: chat,
  parent_chat_id: parent,
  timestamp: at,
  input_length: input,
  output_length: output,
  type: 'text',
  turn: parent === -1 ? 1 : 2,
  ...(hash_ids === undefined ? {} : { hash_ids }),
})
const range = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i)

/** Qwen's: answers to one turn that go two ways, parents that are missing or come later, context that shrinks. */
export function branches(isHashed: boolean): string {
  const ids = (list: number[]) => (isHashed ? list : undefined)
  return jsonl([
    row(0, -1, 0, 502, 1494, ids(range(0, 32))),
    row(1, -1, 0.4, 64, 8, ids(range(32, 4))),
    row(2, 0, 9, 700, 20, ids([...range(0, 31), ...range(36, 13)])),
    row(3, 0, 9.5, 720, 12, ids([...range(0, 31), ...range(49, 14)])),
    row(4, 77, 10, 90, 9, ids(range(63, 6))),
    row(5, -1, 11, 521, 132, ids(range(69, 33))),
    row(6, 5, 12.5, 400, 80, ids(range(69, 25))),
    row(7, 9, 13, 50, 5, ids(range(110, 4))),
    row(9, -1, 13.5, 40, 5, ids(range(120, 3))),
    row(10, 6, 15, 610, 10, ids(range(69, 38))),
  ])
}

/** BurstGPT 3: no zero, sessions that are blank for API rows, answers of 0 tokens that failed. */
export function burstgpt3(): string {
  const rows: [at: number, session: string, input: number, output: number][] = [
    [19_440_110, 'A', 906, 446],
    [19_440_161, 'c1', 36, 29],
    [19_440_192, 'c2', 1779, 123],
    [19_440_192, '', 300, 40],
    [19_440_205, '', 512, 0],
    [19_440_210, 'A', 1400, 0],
    [19_440_220, 'B', 80, 35],
    [19_440_220, '', 64, 16],
    [19_440_270, 'A', 1420, 77],
    [19_440_310, 'B', 260, 101],
    [19_440_400, 'A', 1500, 10],
    [19_440_410, '', 20, 5],
  ]
  const line = ([at, session, input, output]: (typeof rows)[number]) =>
    `${at}.0,${session},1,GPT-4,${input},${output},${input + output},${session === '' ? 'API' : 'Conversation'} log`
  return `Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n${rows.map(line).join('\n')}\n`
}

/** Azure's of 2023, and what Excel makes of it. */
export function azure(times: readonly string[], delimiter = ','): string {
  const line = (values: readonly unknown[]) => values.join(delimiter)
  return `${[['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'], ...times.map((time, i) => [time, 10 + i, 5])].map(line).join('\n')}\n`
}
