/** What a diff of two profiles looks at. */
export const DIFF_DEVICES = ['all', 'cpu', 'gpu'] as const
export type DiffDevice = (typeof DIFF_DEVICES)[number]
