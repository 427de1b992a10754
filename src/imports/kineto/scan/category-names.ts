import { DEVICE_WORK } from '../../../trace/device-work.ts'

/** What profilers before PyTorch 1.13 wrote, and what the same is called since. */
const TODAY: Readonly<Record<string, string>> = {
  Kernel: 'kernel',
  Memcpy: 'gpu_memcpy',
  Memset: 'gpu_memset',
  Runtime: 'cuda_runtime',
  Operator: 'cpu_op',
  Python: 'python_function',
}

/** The present name of a category. */
export function presentCategory(text: string): string {
  return TODAY[text] ?? text
}

export function isDeviceWork(category: string): boolean {
  return (DEVICE_WORK as readonly string[]).includes(category)
}
