import { z } from 'zod'

export const stepSource = z.enum(['step_log', 'profile'])

export const stepsFrom = z.enum(['step_log', 'inferred'])

export const kernelSource = z.enum(['kernels', 'cpu_op'])
