/**
 * The built file of a module beside the caller, for a thread or a child process: sources run under the tests'
 * transformer, threads and children need the JavaScript in `dist/`.
 */
export function builtFile(importMetaUrl: string, name: string): URL {
  const here = importMetaUrl.endsWith('.ts')
    ? importMetaUrl.replace(/\/(src|bench|test)\/((?:(?!\/(?:src|bench|test)\/).)*)$/, '/dist/$1/$2')
    : importMetaUrl
  return new URL(`./${name}.js`, here)
}
