/**
 * What runs on a host that we sample: a POSIX shell reads these texts from the connection, so nothing is installed
 * there. Its standard output is nvidia-smi's; ours are the lines on standard error that begin with the mark. It lives as
 * long as its standard input: when the connection goes, everything ends.
 */
export const MARK = '@layerline'

/** What it does without a word from us: longer than the 30 s between clock probes. */
const SILENCE_S = 90

/**
 * First: what there is. Ends with a line `ready ANSWERER`, once for all attempts at finding one. `serverPort`: whose
 * listening process to look for, among those that this user may see.
 */
export function describeScript(serverPort: number | null): string {
  return `
export LC_ALL=C
say() { printf '${MARK} %s\\n' "$*" >&2; }
part() { part_name=$1; shift; say begin "$part_name"; "$@" </dev/null >&2 2>&1; say end "$part_name" $?; }
say host "$(uname -n)"
say kernel "$(uname -sr)"
part cpu grep -m 1 '^model name' /proc/cpuinfo
part cores grep -c '^processor' /proc/cpuinfo
part memory grep '^MemTotal' /proc/meminfo
part governor cat /sys/devices/system/cpu/cpu0/cpufreq/scaling_governor
part rapl sh -c 'for d in /sys/class/powercap/*/energy_uj; do [ -r "$d" ] && echo "$d $(cat "\${d%energy_uj}name") $(cat "\${d%energy_uj}max_energy_range_uj")"; done'
${serverPort === null ? '' : engineSearch(serverPort)}smi=
for each in nvidia-smi /usr/bin/nvidia-smi /usr/local/nvidia/bin/nvidia-smi /usr/lib/wsl/lib/nvidia-smi; do
  if command -v "$each" >/dev/null 2>&1; then smi=$each; break; fi
done
if [ -n "$smi" ]; then
  part gpus "$smi" --query-gpu=index,uuid,name,driver_version --format=csv,noheader
  part list "$smi" -L
  part help "$smi" --help-query-gpu
fi
answer=date
if bash -c '[ -n "$EPOCHREALTIME" ]' </dev/null >/dev/null 2>&1; then answer=bash
elif perl -MTime::HiRes=time -e 1 </dev/null >/dev/null 2>&1; then answer=perl
elif python3 -c 'import time' </dev/null >/dev/null 2>&1; then answer=python3
fi
say ready "$answer"
`
}

function engineSearch(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return `engine() {
  for inode in $(awk '$4 == "0A" && substr($2, length($2) - 4) == ":${hex}" { print $10 }' /proc/net/tcp /proc/net/tcp6 2>/dev/null); do
    ls -l /proc/[0-9]*/fd 2>/dev/null | awk -v want="socket:[$inode]" '/^\\/proc\\// { split($1, at, "/"); pid = at[3] } $NF == want { print pid }'
  done
}
part engine engine
`
}

/**
 * Second: the sampler, started again with growing waits when it dies, and beside it the answerer, which tells the time
 * (`p ID`) and reads files (`r ID PATTERN…`) until its input ends. `sampler` null: no nvidia-smi there.
 */
export function runScript(sampler: readonly string[] | null, answerer: string): string {
  const answer = ANSWERERS[answerer as keyof typeof ANSWERERS] ?? ANSWERERS.date
  // In one piece, so that the shell has read all of it before the answerer reads what follows.
  return `{
${sampler === null ? 'sampler=' : samplerLoop(sampler)}
trap 'exit 143' TERM HUP INT
trap '[ -n "$sampler" ] && kill "$sampler" 2>/dev/null' EXIT
say started
${answer}
exit 0
}
`
}

function samplerLoop(args: readonly string[]): string {
  return `(
  child=
  trap '[ -n "$child" ] && kill "$child" 2>/dev/null; exit 0' TERM HUP INT PIPE
  pause=1
  while :; do
    began=$(date +%s)
    "$smi" ${args.map(quoted).join(' ')} </dev/null 2>&1 &
    child=$!
    wait "$child"
    code=$?
    [ $(($(date +%s) - began)) -gt 30 ] && pause=1
    say sampler_ended "$code" "$pause"
    sleep "$pause" & child=$!
    wait "$child"
    pause=$((pause * 2)); [ "$pause" -gt 30 ] && pause=30
  done
) &
sampler=$!`
}

/** A text as one word of a POSIX shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

const BASH = `while IFS=" " read -r -t ${SILENCE_S} what id rest; do
  now=$EPOCHREALTIME
  case $what in
  p) printf "${MARK} p %s %s\\n" "$id" "$now" >&2 ;;
  r) out=
    for file in $rest; do
      text=
      { IFS= read -r -d "" text < "$file"; } 2>/dev/null
      [ -n "$text" ] && out="$out${MARK} f $file
$text
"
    done
    printf "${MARK} r %s %s\\n%s${MARK} e %s\\n" "$id" "$now" "$out" "$id" >&2 ;;
  esac
done`

const PERL = `$SIG{ALRM} = sub { exit };
select(STDERR); $| = 1; alarm ${SILENCE_S};
while (defined(my $line = <STDIN>)) {
  my $now = time; alarm ${SILENCE_S}; chomp $line;
  my ($what, $id, @rest) = split / /, $line;
  if ($what eq "p") { printf "\\${MARK} p %s %.6f\\n", $id, $now; }
  elsif ($what eq "r") {
    my $out = "";
    for my $file (map { glob } @rest) {
      open(my $in, "<", $file) or next;
      local $/; my $text = <$in>; close $in;
      $out .= "\\${MARK} f $file\\n$text\\n" if defined $text;
    }
    printf "\\${MARK} r %s %.6f\\n%s\\${MARK} e %s\\n", $id, $now, $out, $id;
  }
}`

const PYTHON = `import glob, signal, sys, time
for line in iter(sys.stdin.readline, ""):
    now = time.time_ns() // 1000
    signal.alarm(${SILENCE_S})
    what, number, *rest = line.split()
    stamp = "%d.%06d" % divmod(now, 1000000)
    if what == "p":
        out = "${MARK} p %s %s\\n" % (number, stamp)
    else:
        out = "${MARK} r %s %s\\n" % (number, stamp)
        for name in [each for pattern in rest for each in glob.glob(pattern)]:
            try:
                with open(name, errors="replace") as file:
                    out += "${MARK} f %s\\n%s\\n" % (name, file.read())
            except OSError:
                pass
        out += "${MARK} e %s\\n" % number
    sys.stderr.write(out)
    sys.stderr.flush()`

/** Forks for each answer, which makes the time 0.4 ms late: the last choice. */
const DATE = `while IFS=" " read -r what id rest; do
  now=$(date +%s.%N)
  case $what in
  p) printf "${MARK} p %s %s\\n" "$id" "$now" >&2 ;;
  r) { printf "${MARK} r %s %s\\n" "$id" "$now"
    for file in $rest; do [ -r "$file" ] && printf "${MARK} f %s\\n" "$file" && cat "$file" && echo; done
    printf "${MARK} e %s\\n" "$id"; } >&2 2>/dev/null ;;
  esac
done`

const ANSWERERS = {
  bash: `bash -c '${BASH}'`,
  perl: `perl -MTime::HiRes=time -e '${PERL}'`,
  python3: `python3 -c '${PYTHON}'`,
  date: DATE,
} as const

/** How each tells the time, for `clocks.method`. */
export const ANSWERER_METHODS: Readonly<Record<string, string>> = {
  bash: '$EPOCHREALTIME of bash',
  perl: 'Time::HiRes of perl',
  python3: 'time_ns of python',
  date: 'date, a process each: 0.4 ms late',
}
