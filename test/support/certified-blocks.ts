import { sqlRows } from './cli.ts'

/** The blocks of `--certify` in a run, as a table in SQL. */
export const BLOCKS = `SELECT t.attrs->>'certifies' AS layer, s.name, s.t_ns AS a, s.t_ns + s.dur_ns AS b, (s.args->>'pair')::INT AS pair,
  s.args->>'on' = '1' AS is_on FROM named_slices s JOIN tracks t USING (track_id) WHERE s.category = 'certify'`

/** Of each layer: how many blocks it was on and off in, and the samples of it that lie in them. */
export async function certifiedBlocks(folder: string, samplesOf: Record<string, string>) {
  const which = Object.entries(samplesOf).map(([layer, where]) => `WHEN ${where} THEN '${layer}'`)
  const rows = await sqlRows(
    folder,
    'run',
    `WITH b AS (${BLOCKS}), c AS (SELECT t_ns, CASE ${which.join(' ')} END AS layer FROM counters c JOIN tracks t USING (track_id))
     SELECT b.layer, b.is_on, count(DISTINCT b.a)::INT AS blocks, count(c.t_ns)::INT AS samples, max(b.pair)::INT AS pair,
       min(b.name) AS first, max(b.name) AS last
     FROM b LEFT JOIN c ON c.layer = b.layer AND c.t_ns BETWEEN b.a AND b.b GROUP BY ALL`,
  )
  return (layer: string, isOn: boolean) => rows.find((row) => row.layer === layer && row.is_on === isOn)
}
