import { defineCommand } from '../command.ts'

export const recoverCommand = defineCommand({
  name: 'recover',
  summary: 'seal a run that a crash left open',
  about:
    'Seals a run whose recorder was killed. Everything committed before is kept; requests without an end get the status `interrupted`. A sealed run is not changed. The command can be interrupted and repeated.',
  arguments: [{ name: 'RUN', doc: 'folder of the run' }],
  options: ['quiet'],
  examples: [{ line: 'layerline recover RUN', what: 'after a crash, a kill -9 or a full disk' }],
})
