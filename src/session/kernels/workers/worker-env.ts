import type { BatchPlan } from '../batch.ts'

/**
 * The environment of a worker: ours, then the configuration's blocks, from the general to the special. What traces has its
 * model on disk, and gets the block `offline`; what downloads does not.
 */
export function workerEnv(
  plan: Pick<BatchPlan, 'python' | 'env' | 'framework' | 'offline'>,
  work: { downloads?: boolean; tracer?: string; gpus?: readonly string[] },
): NodeJS.ProcessEnv {
  const offline = work.downloads !== true || plan.offline
  const gpus = work.gpus ?? []
  return {
    ...plan.python.env,
    ...plan.env.common,
    ...(offline ? plan.env.offline : {}),
    ...plan.env[plan.framework],
    ...(work.tracer === undefined ? {} : plan.env[work.tracer]),
    ...(gpus.length === 0 ? {} : { CUDA_VISIBLE_DEVICES: gpus.join(',') }),
    // No block takes the workers' own package away.
    PYTHONPATH: [plan.python.env.PYTHONPATH, plan.env.common?.PYTHONPATH].filter(Boolean).join(':'),
  }
}
