import { defineCommand } from '../command.ts'

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'show which layers can be recorded here, and how to get the rest',
  about: 'Checks each layer on this machine: whether it can be recorded, if not why, and what to do about it.',
  arguments: [],
  options: ['json'],
  examples: [{ line: 'layerline doctor', what: 'before a first run, or when a layer is missing from one' }],
})
