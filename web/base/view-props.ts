/** What every view of a run is given. */
export interface ViewProps {
  readonly id: string
  readonly query: URLSearchParams
  /** Changes while the run is recorded, when there is more to ask for. */
  readonly beat: number
}
