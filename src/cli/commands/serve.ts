import { defineCommand } from '../command.ts'

/** The default port, if it is free. */
export const PAGE_PORT = 4040

export const serveCommand = defineCommand({
  name: 'serve',
  summary: 'runs as a web page: overview, timeline, requests, latency, SQL',
  about:
    'Serves a page on this machine and prints its address; ends with Ctrl-C. DIR is a run, or a folder with runs in it; without it `runs`, else the folder you are in. A run that is still recorded is shown as it grows. Files dropped on the page are imported into DIR. Nothing is loaded from elsewhere and nothing is sent. docs/serve.md',
  arguments: [{ name: 'DIR', doc: 'a run, or a folder with runs in it', optional: true }],
  options: ['port', 'host', 'open', 'quiet'],
  overrides: {
    port: {
      doc: 'port of the page; 0: any free one',
      min: 0,
      default: `${PAGE_PORT}, or any free one where that is taken`,
    },
    quiet: { doc: 'print nothing but the address' },
  },
  examples: [
    { line: 'layerline serve', what: 'every run in runs/' },
    { line: 'layerline serve RUN --open', what: 'one run, in the browser' },
    { line: 'layerline serve --host 0.0.0.0 --port 8080', what: 'for other machines too, with a token' },
  ],
})
