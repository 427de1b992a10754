import { RUN_VIEWS } from './run-views.ts'

/**
 * Views beside the tables: `named_slices` joins the strings in; then those of docs/run-format.md.
 */
export const JOINED_VIEWS = [
  'CREATE VIEW named_slices AS SELECT s.*, n.text AS name FROM slices s LEFT JOIN strings n ON n.id = s.name_id',
  'CREATE VIEW named_counters AS SELECT c.*, t.layer, t.process, t.device, t.name, t.unit, t.attrs FROM counters c JOIN tracks t USING (track_id)',
  ...RUN_VIEWS.map(({ name, select }) => `CREATE VIEW ${name} AS ${select}`),
]
