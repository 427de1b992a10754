/** Ours; the test beside keeps it equal to package.json. */
export const VERSION = '0.1.0'
