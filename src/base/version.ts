/** The version of Layerline; the test beside it keeps it equal to package.json. */
export const VERSION = '0.1.0'
