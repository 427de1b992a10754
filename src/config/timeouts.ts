/** How long a request may take where nothing is said, s; 0: as long as it likes. */
export const TIMEOUTS_S = { connect: 10, firstToken: 300, idle: 60, total: 0 } as const
