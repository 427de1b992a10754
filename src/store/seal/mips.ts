/** Levels are powers of four of 1 µs wide bins: 4 ms, 16 ms, 65 ms, … 67 s. */
const LEVELS = [12, 14, 16, 18, 20, 22, 24, 26]
/** A slice over more bins than this is left to the coarser levels, so that one long slice cannot fill the table. */
const MAX_BINS = 1024

const FINEST = widthOf(LEVELS[0]!)
const levels = `(VALUES ${LEVELS.map((level) => `(${level}::UTINYINT, ${widthOf(level)}::DOUBLE)`).join(', ')}) AS l(level, width)`

function widthOf(level: number): number {
  return 2 ** level * 1000
}

/** Per track, level and bin of counters: samples, smallest, largest. */
export function countersMips(counters: string): string {
  return `SELECT track_id, level, floor(t_ns / width) AS bin, count(*)::UINTEGER AS n, NULL::DOUBLE AS busy_ns,
      NULL::UINTEGER AS top_name_id, min(value) AS min, max(value) AS max
    FROM ${counters}, ${levels} GROUP BY ALL`
}

/**
 * Per track, level and bin of slices: how many start there, the time they cover in it, the name with most of it.
 * Slices within one bin of the finest level, which are nearly all, are summed there once and carried up from there.
 */
export function slicesMips(slices: string): string {
  const inOneBin = `floor(t_ns / ${FINEST}) = floor((t_ns + dur_ns) / ${FINEST})`
  return `SELECT track_id, level, bin, sum(starts)::UINTEGER AS n, sum(busy) AS busy_ns, arg_max(name_id, busy) AS top_name_id,
      NULL::DOUBLE AS min, NULL::DOUBLE AS max
    FROM (
      SELECT track_id, level, bin, name_id, sum(starts) AS starts, sum(busy) AS busy FROM (
        SELECT track_id, level, floor(finest_bin / (width / ${FINEST})) AS bin, name_id, starts, busy
        FROM (
          SELECT track_id, floor(t_ns / ${FINEST}) AS finest_bin, name_id, count(*) AS starts, sum(dur_ns) AS busy
          FROM ${slices} WHERE ${inOneBin} GROUP BY ALL
        ), ${levels}
        UNION ALL
        SELECT track_id, level, bin, name_id, (bin = first_bin)::INT AS starts,
          least(t_ns + dur_ns, (bin + 1) * width) - greatest(t_ns, bin * width) AS busy
        FROM (
          SELECT *, unnest(generate_series(first_bin::BIGINT, last_bin::BIGINT)) AS bin
          FROM (
            SELECT *, floor(t_ns / width) AS first_bin, floor((t_ns + dur_ns) / width) AS last_bin
            FROM ${slices}, ${levels} WHERE NOT (${inOneBin})
          )
          WHERE last_bin - first_bin < ${MAX_BINS}
        )
      ) GROUP BY ALL
    ) GROUP BY track_id, level, bin`
}
