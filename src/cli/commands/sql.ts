import { RUN_VIEWS } from '../../store/views/run-views.ts'
import { defineCommand } from '../command.ts'

export const sqlCommand = defineCommand({
  name: 'sql',
  summary: 'query a run by read-only SQL',
  about: `Runs one SELECT over the tables of a run: requests, chunks, texts, tracks, slices, strings, counters, links, clocks, mips. Views: named_counters, named_slices, ${RUN_VIEWS.map(({ name }) => name).join(', ')} (docs/run-format.md). Rows are streamed. While a run is recorded, the query reads copies of its rows, at most one second old, and is limited to 512 MB, 60 s and 10,000,000 rows. Nothing outside the run can be read and nothing can be written.`,
  arguments: [
    { name: 'RUN', doc: 'folder of the run' },
    { name: 'SELECT', doc: 'the query' },
  ],
  options: ['json', 'csv'],
  examples: [
    {
      line: 'layerline sql RUN "SELECT status, count(*) AS n FROM requests GROUP BY status"',
      what: 'how the requests ended',
    },
    { line: 'layerline sql RUN "FROM chunks LIMIT 5" --json', what: 'five streamed events as an array of objects' },
  ],
})
