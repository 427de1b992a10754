import { defineCommand } from '../command.ts'

export const osCommand = defineCommand({
  name: 'os',
  summary: "the kernel's view of a program: loading, memory, scheduling, I/O, GPU devices",
  about:
    'Attaches probes by bpftrace (as root) and records what the kernel sees of a program; without rights or bpftrace, what /proc shows. `run` starts a command after the probes are attached, follows what it forks, ends with it, and passes its exit code on; `attach` looks at what runs already, until it ends, Ctrl-C or --duration. `list` shows the sets of probes, what they cost and whether they work here. Counts are kept in the kernel, of the target alone; docs/os.md has all tracks.',
  arguments: [
    { name: 'ACTION', doc: 'what to do', choices: ['run', 'attach', 'list'] },
    { name: 'CMD', doc: 'run: the command and its arguments, after `--`', optional: true, variadic: true },
  ],
  records: true,
  options: [
    'probes',
    'pid',
    'cgroup',
    'comm',
    'system',
    'simulate',
    'events',
    'window',
    'duration',
    'live',
    'log-every',
    'metrics-port',
    'out',
    'json',
    'quiet',
  ],
  overrides: {
    json: { doc: "print the result as JSON; run: on standard output, the command's own goes to standard error" },
    duration: { doc: 'attach: end after so long' },
    live: { doc: 'watch it: a table of the last second on a terminal, else every --log-every seconds' },
    'log-every': { doc: 'time between tables', default: '1, without a terminal 5' },
    'metrics-port': { doc: 'show the counts to Prometheus at http://127.0.0.1:N/metrics; 0: any free port' },
  },
  examples: [
    { line: 'layerline os list', what: 'what works on this machine' },
    { line: 'layerline os run -- python3 generate.py', what: 'a program from its first instruction to its end' },
    {
      line: 'layerline os run --probes mmap,mlock,sched,gpu-access -- python3 serve.py',
      what: 'how often it maps and locks memory, leaves a CPU and opens GPU devices, by name and process',
    },
    { line: 'layerline os attach --pid 1234 --duration 30 --live', what: 'half a minute of a live server' },
    { line: 'layerline os run --simulate', what: 'a small program of known behaviour' },
  ],
})
