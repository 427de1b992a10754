/**
 * The small language the run format is written in. A column is `[type, doc]`, or `['code', doc, names]`.
 * A trailing `?` means nullable. Codes are numbers live and their names in a sealed run.
 */
type Numeric = 'f64' | 'u32' | 'u16' | 'u8' | 'bool'
export type ColumnType = Numeric | `${Numeric}?` | 'text' | 'text?' | 'code' | 'code?'
export type ColumnSpec = readonly [type: ColumnType, doc: string, codes?: readonly string[]]

export interface TableDef<C extends Record<string, ColumnSpec> = Record<string, ColumnSpec>> {
  readonly name: string
  /** What a row is. */
  readonly doc: string
  /** Sealed rows are sorted by it. */
  readonly sortedBy: string
  readonly columns: C
}

/** Values of one row, as a source hands them over: codes as their numbers, missing ones NULL. */
export type RowOf<T extends TableDef> = {
  [K in keyof T['columns']]: ValueOf<T['columns'][K][0]>
}
/** A row in which the nullable columns may be missing. */
export type RowInput<T extends TableDef> = {
  [K in keyof T['columns'] as T['columns'][K][0] extends `${string}?` ? never : K]: ValueOf<T['columns'][K][0]>
} & {
  [K in keyof T['columns'] as T['columns'][K][0] extends `${string}?` ? K : never]?: ValueOf<T['columns'][K][0]>
}
type ValueOf<S extends ColumnType> = S extends 'text'
  ? string
  : S extends 'text?'
    ? string | null
    : S extends 'bool'
      ? boolean
      : S extends 'bool?'
        ? boolean | null
        : S extends `${string}?`
          ? number | null
          : number

/** What holds one column in memory: a typed array, or strings. */
export type ArrayOf<S extends ColumnType> = S extends 'text' | 'text?'
  ? (string | null)[]
  : S extends 'f64' | 'f64?'
    ? Float64Array<ArrayBuffer>
    : S extends 'u32' | 'u32?'
      ? Uint32Array<ArrayBuffer>
      : S extends 'u16' | 'u16?'
        ? Uint16Array<ArrayBuffer>
        : Uint8Array<ArrayBuffer>
export type ArraysOf<T extends TableDef> = { readonly [K in keyof T['columns']]: ArrayOf<T['columns'][K][0]> }

/** The value that stands for NULL in a typed array of each type (`NaN` for f64). */
export const NULL_OF = { f64: Number.NaN, u32: 0xffffffff, u16: 0xffff, u8: 0xff, bool: 0xff, code: 0xff } as const

export type BaseType = 'f64' | 'u32' | 'u16' | 'u8' | 'bool' | 'code' | 'text'

export function baseType(type: ColumnType): BaseType {
  return (type.endsWith('?') ? type.slice(0, -1) : type) as BaseType
}

export function isNullable(type: ColumnType): boolean {
  return type.endsWith('?')
}

/** The column's type in a live DuckDB file and in a sealed Parquet part. */
export function sqlType(spec: ColumnSpec, where: 'live' | 'sealed'): string {
  const base = baseType(spec[0])
  if (base === 'code') return where === 'live' ? 'UTINYINT' : 'VARCHAR'
  return { f64: 'DOUBLE', u32: 'UINTEGER', u16: 'USMALLINT', u8: 'UTINYINT', bool: 'BOOLEAN', text: 'VARCHAR' }[base]
}

/** The number of a code's name; for constants resolved once, not per row. */
export function codeOf<const N extends readonly string[]>(names: N, name: N[number]): number {
  return names.indexOf(name)
}

export function defineTable<const C extends Record<string, ColumnSpec>>(
  name: string,
  doc: string,
  sortedBy: keyof C & string,
  columns: C,
): TableDef<C> {
  return { name, doc, sortedBy, columns }
}
