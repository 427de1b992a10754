import { LayerlineError } from '../../base/errors.ts'
import { guessTimeUnit } from '../trace-rows/bytes/time-unit.ts'
import { needColumn } from './columns.ts'
import type { TraceFormat } from './trace-format.ts'

/** Any CSV or JSONL whose columns are named by `--map`, or are called `ts`, `in` and `out`. */
export const table: TraceFormat = {
  id: 'table',
  about: 'a CSV or JSONL table, its columns named by --map ts=…,in=…[,out=…][,session=…][,turn=…]',
  detect: () => false,
  read(head, { map, timeUnit }) {
    const names = map ?? { ts: 'ts', in: 'in', out: 'out' }
    const columns = {
      ts: needColumn(head, names.ts, 'table'),
      in: needColumn(head, names.in, 'table'),
      ...(names.out === undefined ? {} : { out: needColumn(head, names.out, 'table') }),
      ...(names.session === undefined ? {} : { session: needColumn(head, names.session, 'table') }),
      ...(names.turn === undefined ? {} : { turn: needColumn(head, names.turn, 'table') }),
    }
    const guess = guessTimeUnit(head.records.map((record) => record[columns.ts]?.trim() ?? '').filter(Boolean))
    if (timeUnit === undefined && guess === null) {
      throw new LayerlineError('input/trace-empty', `${head.path}: no row has a time in \`${columns.ts}\``)
    }
    return {
      columns,
      unit: timeUnit ?? guess?.unit ?? 's',
      unitBecause: timeUnit === undefined ? `guessed: ${guess?.because}; --time-unit decides` : '--time-unit',
      unitIsGuessed: timeUnit === undefined,
      blockTokens: null,
      zeroOutputFailed: false,
    }
  },
}
