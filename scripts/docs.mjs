// Generates what the docs share with the code, or with --check says where they differ: a page a command from the options
// table, the tables of the run format. Also checks that links between pages lead somewhere, and the language of all texts.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { houseProblems } from './house.mjs'
import { languageProblems } from './language.mjs'
import { root, setup } from './setup.mjs'

setup()
const { COMMANDS } = await import('../dist/src/cli/commands.js')
const { optionOf } = await import('../dist/src/cli/program.js')
const { groupedOptions } = await import('../dist/src/cli/options/help-groups.js')
const { sentence, wrapped } = await import('../dist/src/cli/help-text.js')
const { describe } = await import('../dist/src/cli/parse-values.js')
const { FORMAT } = await import('../dist/src/trace/run-json.js')
const { LIVE_TABLES } = await import('../dist/src/trace/tables.js')
const { RUN_VIEWS } = await import('../dist/src/store/views/run-views.js')
const { PROBE_SETS, probeSet } = await import('../dist/src/sources/os/probe-sets.js')
const { GPU_SOURCES } = await import('../dist/src/sources/gpu/gpu-sources.js')
const { CAUSES } = await import('../dist/src/analysis/late-tokens/causes.js')
const { readResults } = await import('../dist/test/injection/results.js')
const { resultTables } = await import('../dist/test/injection/tables.js')
const { reportJsonSchema } = await import('../dist/src/analysis/report-schema/report-schema.js')
const { readVerdictRuns, verdictTables } = await import('../dist/test/verdict/tables.js')
/** Columns of the generated pages' prose. */
const PAGE_COLUMNS = 100
const check = process.argv.includes('--check')
const problems = []

for (const command of COMMANDS) put(`docs/commands/${command.name}.md`, commandPage(command))
put('docs/commands/README.md', indexPage())
const format = 'docs/run-format.md'
const formatHead = `# The run format, version ${FORMAT.major}.${FORMAT.minor}`
put(format, between(format, 'tables', tablesText()).replace(/^# The run format.*/, formatHead))
put(format, between(format, 'views', viewsText()))
put('docs/report.schema.json', `${JSON.stringify(reportJsonSchema(), null, 2)}\n`)
put('docs/os.md', between('docs/os.md', 'probes', probesText()))
put('docs/hardware.md', between('docs/hardware.md', 'gpu sources', gpuSourcesText()))
put('docs/late-tokens.md', between('docs/late-tokens.md', 'causes', causesText()))
const injection = readResults(join(root, 'docs', 'late-tokens-injection.json'))
put('docs/late-tokens.md', between('docs/late-tokens.md', 'injection', resultTables(injection)))
const verdictRuns = readVerdictRuns(join(root, 'docs', 'verdict-runs.jsonl'))
put('docs/verdict.md', between('docs/verdict.md', 'runs', verdictTables(verdictRuns)))
for (const name of readdirSync(join(root, 'docs', 'commands'))) {
  if (name !== 'README.md' && !COMMANDS.some((command) => `${command.name}.md` === name))
    problems.push(`docs/commands/${name}: no such command`)
}
checkLinks()
problems.push(...houseProblems())
if (check) problems.push(...languageProblems())

if (problems.length > 0) {
  process.stderr.write(`${problems.map((problem) => `docs: ${problem}`).join('\n')}\n`)
  process.exit(1)
}
process.stdout.write(check ? 'docs: true to the code\n' : 'docs: written\n')

function put(path, text) {
  const file = join(root, path)
  if (check) {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text)
      problems.push(`${path}: differs from the code; run npm run docs`)
    return
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function commandPage(command) {
  const words = [
    'layerline',
    command.name,
    ...command.arguments.map(({ name, optional, variadic }) => (optional ? `[${name}${variadic ? '...' : ''}]` : name)),
  ]
  const item = (term, text) => wrapped(`- ${term}: ${text}`, PAGE_COLUMNS - 2).join('\n  ')
  const entry = (name) => {
    const option = optionOf(command, name)
    const flag =
      option.value === undefined
        ? `--${name}`
        : `--${name} ${option.preset === undefined ? option.value : `[${option.value}]`}`
    return item(`\`${flag}\``, `${describe(option)}${command.required?.includes(name) ? ' **required**' : ''}`)
  }
  const groups = groupedOptions(command)
  return [
    `# layerline ${command.name}`,
    '',
    `${sentence(command.summary)}.`,
    '',
    '```',
    command.examples[0].line,
    '```',
    '',
    ...wrapped(command.about, PAGE_COLUMNS),
    '',
    '```',
    `${words.join(' ')}${command.options.length > 0 ? ' [options]' : ''}`,
    '```',
    ...(command.arguments.length > 0
      ? [
          '',
          ...command.arguments.map(({ name, doc, choices }) =>
            item(`\`${name}\``, `${doc}${choices ? `: ${choices.join(', ')}` : ''}`),
          ),
        ]
      : []),
    ...groups.flatMap(({ title, options }) => ['', `## ${title}`, '', ...options.map(entry)]),
    '',
    '## Examples',
    ...command.examples.flatMap(({ line, what }) => ['', `${sentence(what)}:`, '', '```', line, '```']),
    '',
  ].join('\n')
}

function indexPage() {
  const rows = COMMANDS.map(({ name, summary }) => `| [${name}](${name}.md) | ${summary} |`)
  return [
    '# Commands',
    '',
    'Every command has `--help`.',
    '',
    '| command | does |',
    '|---|---|',
    ...rows,
    '',
    '| exit code | means |',
    '|---|---|',
    '| 0 | done |',
    '| 1 | nothing succeeded |',
    '| 2 | wrong usage or input |',
    '| 3 | the target could not be reached |',
    '| 4 | a needed tool, permission or disk space is missing |',
    '| 5 | internal error |',
    '| 130 | interrupted; the run is sealed |',
    '',
  ].join('\n')
}

function tablesText() {
  return Object.values(LIVE_TABLES)
    .map((table) => {
      const rows = Object.entries(table.columns).map(([name, [type, doc, codes]]) => {
        const null_ = type.endsWith('?') ? 'yes' : ''
        return `| \`${name}\` | ${sealedType(type)} | ${null_} | ${cell(doc)}${codes ? `: ${codes.map((code) => `\`${code}\``).join(', ')}` : ''} |`
      })
      return `### ${table.name}\n\nA row is ${table.doc}. Sorted by \`${table.sortedBy}\`.\n\n| column | type | NULL | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
    })
    .join('\n')
}

function viewsText() {
  return RUN_VIEWS.map(({ name, doc, columns }) => {
    const rows = Object.entries(columns).map(([column, meaning]) => `| \`${column}\` | ${cell(meaning)} |`)
    return `### ${name}\n\nA row is ${doc}.\n\n| column | meaning |\n|---|---|\n${rows.join('\n')}\n`
  }).join('\n')
}

function causesText() {
  const rows = Object.entries(CAUSES).map(
    ([name, { proof, needs }]) => `| \`${name}\` | ${cell(proof)} | ${cell(needs)} |`,
  )
  return ['| cause | evidence | needs |', '|---|---|---|', ...rows, ''].join('\n')
}

function gpuSourcesText() {
  const rows = Object.values(GPU_SOURCES).map(({ form, doc }) => `| \`${form}\` | ${cell(doc)} |`)
  return ['| `--gpu` | samples come from |', '|---|---|', ...rows, ''].join('\n')
}

function sealedType(type) {
  return {
    f64: 'DOUBLE',
    u32: 'UINTEGER',
    u16: 'USMALLINT',
    u8: 'UTINYINT',
    bool: 'BOOLEAN',
    text: 'VARCHAR',
    code: 'VARCHAR',
  }[type.replace('?', '')]
}

function probesText() {
  const sets = PROBE_SETS.map((name) => probeSet(name))
  const rows = sets.flatMap(({ name, files }) =>
    files.flatMap((file) => [
      ...file.maps.map(({ name: track, keys, unit, kind, doc }) => {
        const each =
          keys[0] !== 'pid'
            ? keys[1]
            : keys[1] === 'tid'
              ? 'thread'
              : kind === 'hist'
                ? 'process, bin'
                : keys.join(', ').replace('pid', 'process')
        return `| ${name} | \`${track}\` | ${kind === 'hist' ? `1, by ${unit}` : unit} | ${each} | ${cell(doc)} |`
      }),
    ]),
  )
  return `| set | track | unit | one for each | meaning |\n|---|---|---|---|---|\n${rows.join('\n')}\n`
}

function between(path, what, generated) {
  const text = readFileSync(join(root, path), 'utf8')
  const [begin, end] = [`<!-- ${what}: generated by npm run docs -->`, `<!-- end of ${what} -->`]
  const from = text.indexOf(begin)
  const to = text.indexOf(end)
  if (from < 0 || to < 0) throw new Error(`${path}: the markers of the generated part are gone`)
  return `${text.slice(0, from + begin.length)}\n\n${generated}\n${text.slice(to)}`
}

function cell(text) {
  return text.replaceAll('|', '\\|')
}

function checkLinks() {
  const pages = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.md'),
  )
  for (const page of [...pages, ...docs.map((name) => `docs/${name}`)]) {
    const text = readFileSync(join(root, page), 'utf8')
    for (const [, to] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)) {
      if (/^https?:/.test(to)) continue
      if (!existsSync(resolve(root, dirname(page), to))) problems.push(`${page}: link to ${to} leads nowhere`)
    }
  }
}
