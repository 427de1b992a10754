export type SqlValue = string | number | boolean | null
export type SqlRow = Record<string, SqlValue>
