import { defineCommand } from '../command.ts'

export const recoverCommand = defineCommand({
  name: 'recover',
  summary: 'seal what a crash left open',
  about:
    'Makes a sealed run of one whose recorder was killed: everything committed before the end is there, requests without an end are `interrupted`. On a sealed run it changes nothing. It can be cut off and repeated.',
  arguments: [{ name: 'RUN', doc: 'folder of the run' }],
  options: ['quiet'],
  examples: [{ line: 'layerline recover RUN', what: 'after a crash, a kill -9 or a full disk' }],
})
