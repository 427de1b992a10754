/** The default limit of a request's time, s; 0: no limit. */
export const TIMEOUTS_S = { connect: 10, firstToken: 300, idle: 60, total: 0 } as const
