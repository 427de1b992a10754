/** One figure that a tool reports as a distribution, from the requests and events of a run. */
export interface DefinedValue {
  /** As the tool writes it. */
  readonly name: string
  readonly unit: 'ms' | 's' | 'tokens/s'
  /** In words, with the tool's own terms. */
  readonly formula: string
  /**
   * A SELECT of `value` in `unit`, one row per request or gap; NULL is not counted. With `weight` if the tool weighs.
   */
  readonly sql: string
  readonly weighted?: true
}

/** One figure that a tool reports as one number. */
export interface DefinedRate {
  readonly name: string
  readonly unit: string
  readonly formula: string
  /** A SELECT of one number; NULL where there is nothing to divide by. */
  readonly sql: string
}

/** What one tool means by its words. */
export interface DefinitionSet {
  readonly id: string
  /** The tool and the version whose formulas these are. */
  readonly tool: string
  /** `interpolated`: numpy's linear percentile; `order`: the smallest value that a share p of the weight does not exceed. */
  readonly percentiles: 'interpolated' | 'order'
  readonly values: readonly DefinedValue[]
  readonly rates: readonly DefinedRate[]
}
