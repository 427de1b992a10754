import { z } from 'zod'

export const coldStart = z.object({
  process: z.string(),
  before_weights_ms: z.number().nullable().describe("From the program's start to the first weights that were opened."),
  weights_ms: z
    .number()
    .nullable()
    .describe('From the first weights opened to the last mapped, and what of it were calls of openat and mmap.'),
  open_ms: z.number(),
  map_ms: z.number(),
  init_ms: z.number().nullable().describe('From the last weights mapped to the first forward pass.'),
  first_forward_ms: z.number().nullable(),
  total_ms: z.number().nullable().describe('From the start of the program to the end of the first forward pass.'),
  files: z.number(),
  mapped_bytes: z.number(),
  read_bytes: z
    .number()
    .nullable()
    .describe(
      'From the first weights opened to the first forward pass (else the last weights mapped): calls that read, and what storage had to give.',
    ),
  read_ms: z.number().nullable(),
  storage_read_bytes: z.number().nullable(),
  minor_faults: z.number().nullable(),
  major_faults: z.number().nullable(),
  page_cache: z
    .enum(['cold', 'partly', 'warm'])
    .nullable()
    .describe('Whether the weights were in memory already: by what storage gave, against what was mapped or read.'),
})

export const osThread = z.object({
  process: z.string(),
  thread: z.string(),
  on_cpu_s: z.number(),
  on_cpu_share: z.number().describe("Shares of the thread's time that is known."),
  blocked_share: z.number(),
  waiting_share: z.number(),
  preempted_s: z.number().nullable().describe('Of the time it waited for a CPU, what began with losing one.'),
  context_switches: z.number().nullable(),
  migrations: z.number().nullable(),
})

export const osProcess = z.object({
  process: z.string(),
  on_cpu_s: z.number().nullable(),
  run_queue_waits: z.number().nullable(),
  run_queue_wait_p99_us: z
    .object({
      low: z.number(),
      high: z.number(),
    })
    .nullable()
    .describe('Between these, us: the probe counts in powers of two.'),
  migrations: z.number().nullable(),
  numa_migrations: z.number().nullable(),
  cpus_allowed: z.string().nullable().describe('CPUs it may use, and NUMA nodes; the cpuset that says so.'),
  cpuset: z.string().nullable(),
  numa_local_share: z
    .number()
    .nullable()
    .describe('Share of its resident memory on the node that has most of it; null on a machine of one node.'),
  minor_faults: z.number().nullable(),
  major_faults: z.number().nullable(),
  mmap_calls: z.number().nullable(),
  mmap_bytes: z.number().nullable(),
  mlock_calls: z.number().nullable().describe('mlock and mlock2.'),
  mlock_bytes: z.number().nullable(),
  locked_bytes: z.number().nullable(),
  read_bytes: z.number().nullable(),
  read_calls: z.number().nullable(),
  storage_read_bytes: z.number().nullable(),
  futex_wait_s: z.number().nullable(),
  gpu_opens: z.number().nullable(),
  gpu_ioctls: z.number().nullable(),
  gpu_ioctl_ms: z.number().nullable(),
  socket_send_bytes: z.number().nullable(),
  socket_receive_bytes: z.number().nullable(),
})

export const osFigures = z.object({
  source: z.enum(['bpftrace', '/proc']).describe('What looked: probes in the kernel, or /proc alone.'),
  not_seen: z
    .array(z.string())
    .describe('What that cannot show, in codes: what `ended_between_looks` of /proc, and more; empty with probes.'),
  missing: z
    .array(
      z.object({
        file: z.string(),
        why: z.string(),
      }),
    )
    .describe('Probe files that could not be attached, and why.'),
  cold_starts: z.array(coldStart),
  threads: z
    .array(osThread)
    .describe('Busiest first, over the measured requests; of a run without them, over all of it.'),
  more_threads: z.number(),
  processes: z.array(osProcess),
  forwards: z.number().nullable().describe('Forward passes in the measured span.'),
  cuda: z
    .array(
      z.object({
        function: z.string(),
        calls: z.number(),
        ms: z.number(),
      }),
    )
    .describe('Calls of CUDA by function, over the run; the most time first.'),
  syscalls: z.array(
    z.object({
      syscall: z.string(),
      calls: z.number(),
      ms: z.number(),
    }),
  ),
  block_read_bytes: z.number().nullable().describe('Of the whole machine.'),
  gaps: z
    .array(
      z.object({
        why: z.string(),
        s: z.number(),
      }),
    )
    .describe('Times of which the layer knows nothing, or not when.'),
})
