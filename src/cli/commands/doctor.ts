import { defineCommand } from '../command.ts'

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'what this machine allows, layer by layer, and how to get the rest',
  about: 'Looks at this machine and says for each layer whether it works here; where it is off, why, and what to do.',
  arguments: [],
  options: ['json'],
  examples: [{ line: 'layerline doctor', what: 'before a first run, or when a layer is missing from one' }],
})
