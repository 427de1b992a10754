import { RUN_VIEWS } from '../../store/views/run-views.ts'
import { defineCommand } from '../command.ts'

export const sqlCommand = defineCommand({
  name: 'sql',
  summary: 'read-only SQL over a run',
  about: `Runs one SELECT over the tables of a run: requests, chunks, texts, tracks, slices, strings, counters, links, clocks, mips, and the views named_counters, named_slices, and for the analyses ${RUN_VIEWS.map(({ name }) => name).join(', ')} (docs/run-format.md). Rows are streamed. A run that is still being recorded is read from copies of its rows, at most one second old; the query may take 512 MB and 60 s, and its answer may have 10,000,000 rows. Nothing outside the run can be read, nothing can be written.`,
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
