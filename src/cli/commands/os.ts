import { defineCommand } from '../command.ts'

export const osCommand = defineCommand({
  name: 'os',
  summary: 'record a program as the kernel sees it: loading, memory, scheduling, I/O',
  about:
    'Attaches bpftrace probes (as root) and records a program as the kernel sees it; without root or bpftrace, what /proc shows. `run` attaches the probes, starts a command, follows its children, ends with it, and passes on its exit code. `attach` watches a running process until it ends, Ctrl-C or --duration. `list` shows the probe sets, what they cost and whether they work here. Only the target is counted, inside the kernel; docs/os.md lists all tracks.',
  arguments: [
    { name: 'ACTION', doc: 'what to do', choices: ['run', 'attach', 'list'] },
    { name: 'CMD', doc: 'run: the command and its arguments, after `--`', optional: true, variadic: true },
  ],
  records: true,
  common: ['pid', 'probes', 'duration', 'live', 'out'],
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
    duration: { doc: 'attach: stop after this time' },
    live: { doc: 'show a table of the last second on a terminal, else every --log-every seconds' },
    'log-every': { doc: 'time between tables', default: '1, without a terminal 5' },
    'metrics-port': { doc: 'serve the counts to Prometheus at http://127.0.0.1:N/metrics; 0: any free port' },
  },
  examples: [
    { line: 'layerline os list', what: 'what works on this machine' },
    { line: 'layerline os run -- python3 generate.py', what: 'a program from its first instruction to its end' },
    {
      line: 'layerline os run --probes mmap,mlock,sched,gpu-access -- python3 serve.py',
      what: 'how often it maps and locks memory, leaves a CPU and opens GPU devices, by name and process',
    },
    { line: 'layerline os attach --pid 1234 --duration 30 --live', what: 'half a minute of a live server' },
    { line: 'layerline os run --simulate', what: 'check the probes with a small program of known behaviour' },
  ],
})
