/** The keys of the dashboard, as its help and its page of the docs tell them. */
export const HELP: readonly (readonly [key: string, what: string])[] = [
  ['space', 'pause or resume sending; requests in flight continue; the run records each pause'],
  ['1 2 3', 'views: load, latency, machine'],
  ['tab', 'the next view'],
  ['+ -', 'zoom: half, or twice, the time that the charts show'],
  ['q', 'stop offering, wait up to 5 s for what is in flight, seal; twice: cut it off'],
  ['Ctrl-C', 'the same'],
  ['r Ctrl-L', 'draw everything anew'],
  ['?', 'this, or back'],
  ['', ''],
  ['dim', 'a percentile with too few requests behind it'],
  ['TX', 'bytes of the request bodies'],
  ['RX', 'bytes of the SSE stream, freed of HTTP framing and compression'],
  ['TPOT', '(last - first token) / (tokens - 1), of requests that ended well'],
  ['ITL', 'every gap between two events that carry tokens, as they come'],
]
