/** Categories of what runs on a device, as PyTorch's profiler names them: NVIDIA, AMD, Intel and Ascend share the first three, MTIA has its own. */
export const DEVICE_WORK = ['kernel', 'gpu_memcpy', 'gpu_memset', 'mtia_ccp_events'] as const

/** The same as an SQL list. */
export const DEVICE_WORK_SQL = `(${DEVICE_WORK.map((name) => `'${name}'`).join(', ')})`

/** Categories of the host's calls that launch it. */
export const LAUNCHING_CALLS = /^(cuda|hip|xpu|mtia|privateuse1)_(runtime|driver)$/
