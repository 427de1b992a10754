import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { requestStory } from '../../analysis/attribution/request-story.ts'
import { errorText, LayerlineError } from '../../base/errors.ts'
import { VERSION } from '../../base/version.ts'
import type { ApiError, RequestDetail, RunFigures, ServedInfo } from './api-types.ts'
import { PAGE_HEADERS, type PageGuard, refusal } from './guard/page-guard.ts'
import type { Imports } from './imports.ts'
import { checked, idInput, rangeInput, requestsInput, searchInput, sloInput, sqlInput, tileInput } from './input.ts'
import type { PageFiles } from './page-files.ts'
import { chainOf } from './run/chain.ts'
import { compareReports } from './run/compare-runs.ts'
import { countersOverTime } from './run/counters-over-time.ts'
import { distributions } from './run/distributions.ts'
import { runRow } from './run/find-runs.ts'
import { writeLabels } from './run/labels.ts'
import { rangeFigures } from './run/range-figures.ts'
import { requestPage } from './run/request-page.ts'
import { runFigures } from './run/run-figures.ts'
import { searchRun } from './run/search.ts'
import type { ServedRuns } from './run/served-runs.ts'
import { runSql, sqlSchema } from './run/sql-console.ts'

const MOST_BODY = 256 << 10
const COOKIE = 'layerline_token'

export interface AppParts {
  readonly runs: ServedRuns
  readonly imports: Imports
  readonly files: PageFiles
  readonly guard: PageGuard
  /** As the user wrote it. */
  readonly named: string
}

/** Everything that the page asks, and the page. Every answer of `/api` is JSON, but tiles; an error has the status of its kind. */
export function webApp(parts: AppParts): Hono {
  const { runs, imports, files, named } = parts
  const app = new Hono()
  app.use('*', async (c, next) => {
    for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value)
    const given = c.req.query('token')
    const refused = refusal(parts.guard, {
      method: c.req.method,
      host: c.req.header('host'),
      origin: c.req.header('origin'),
      site: c.req.header('sec-fetch-site'),
      token: given ?? cookieOf(c.req.header('cookie')) ?? bearerOf(c.req.header('authorization')),
    })
    if (refused !== null) return c.text(`${refused.text}\n`, refused.status)
    if (given !== undefined && parts.guard.token !== null) {
      c.header('set-cookie', `${COOKIE}=${given}; HttpOnly; SameSite=Strict; Path=/`)
      return c.redirect(c.req.path)
    }
    return next()
  })
  app.onError((error, c) => failed(c, error))
  app.use('/api/*', async (c, next) => {
    c.header('cache-control', 'no-store')
    await next()
  })
  const small = bodyLimit({
    maxSize: MOST_BODY,
    onError: (c) => failed(c, new LayerlineError('usage/input', 'too long')),
  })

  app.get('/api/info', (c) => {
    const list = runs.list()
    const info: ServedInfo = {
      version: VERSION,
      folder: named,
      only_run: list.length === 1 ? (list[0]?.id ?? null) : null,
    }
    return c.json(info)
  })
  app.get('/api/runs', (c) =>
    c.json(
      runs
        .list()
        .map(runRow)
        .sort((a, b) => b.started.localeCompare(a.started)),
    ),
  )
  app.get('/api/schema', (c) => c.json(sqlSchema()))
  app.get('/api/runs/:id', (c) => c.json(runRow(runs.find(c.req.param('id')))))
  app.delete('/api/runs/:id', async (c) => {
    await runs.remove(c.req.param('id'))
    return c.json({ removed: true })
  })
  app.put('/api/runs/:id/labels', small, async (c) => {
    return c.json(writeLabels(runs.find(c.req.param('id')).folder, await bodyOf(c)))
  })
  app.get('/api/runs/:id/figures', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const figures = await run.askSlowly((reader) => runFigures(reader), c.req.raw.signal)
    return c.json({ id: run.found.id, ...figures } satisfies RunFigures)
  })
  app.get('/api/runs/:id/overview', async (c) => {
    const run = await runs.get(c.req.param('id'))
    return c.json(await run.overview(checked(sloInput, c.req.query('slo')) ?? null))
  })
  app.get('/api/runs/:id/report', async (c) => {
    const run = await runs.get(c.req.param('id'))
    return c.json(await run.report(checked(sloInput, c.req.query('slo')) ?? null))
  })
  app.get('/api/runs/:id/timeline', async (c) => {
    const run = await runs.get(c.req.param('id'))
    return c.json(await run.timeline(async ({ meta }) => meta))
  })
  app.post('/api/runs/:id/tile', small, async (c) => {
    const run = await runs.get(c.req.param('id'))
    const wanted = checked(tileInput, await bodyOf(c))
    const bytes = await run.timeline((timeline) => timeline.tile(wanted), c.req.raw.signal)
    return c.body(bytes, 200, { 'content-type': 'application/octet-stream' })
  })
  app.get('/api/runs/:id/chain', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const { slice, request, token } = c.req.query()
    const subject =
      slice !== undefined
        ? ({ kind: 'slice', id: checked(idInput, slice) } as const)
        : token !== undefined
          ? ({ kind: 'token', request: checked(idInput, request), index: checked(idInput, token) } as const)
          : ({ kind: 'request', id: checked(idInput, request) } as const)
    return c.json(await run.askSlowly((reader) => chainOf(reader, subject), c.req.raw.signal))
  })
  app.get('/api/runs/:id/search', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const text = checked(searchInput, c.req.query('q'))
    return c.json(await run.askSlowly((reader) => searchRun(reader, text), c.req.raw.signal))
  })
  app.get('/api/runs/:id/range', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const { from, to } = checked(rangeInput, c.req.query())
    return c.json(await run.askSlowly((reader) => rangeFigures(reader, from, to), c.req.raw.signal))
  })
  app.get('/api/runs/:id/requests', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const query = checked(requestsInput, c.req.query())
    return c.json(await run.askSlowly((reader) => requestPage(reader, query), c.req.raw.signal))
  })
  app.get('/api/runs/:id/requests/:request', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const requestId = checked(idInput, c.req.param('request'))
    const detail = await run.askSlowly(async (reader): Promise<RequestDetail> => {
      const story = await requestStory(reader, { requestId, split: 'tokens' })
      const [row] = await reader.query(`SELECT * FROM requests WHERE request_id = ${requestId}`)
      const [text] = await reader.query(
        `SELECT left(prompt, 20000) AS prompt, left(output, 20000) AS output FROM texts WHERE request_id = ${requestId}`,
      )
      const part = (key: string) => (text === undefined || text[key] === null ? null : String(text[key]))
      return { story, row: row ?? {}, prompt: part('prompt'), output: part('output') }
    }, c.req.raw.signal)
    return c.json(detail)
  })
  app.get('/api/runs/:id/distributions', async (c) => {
    const run = await runs.get(c.req.param('id'))
    return c.json(await run.askSlowly((reader) => distributions(reader), c.req.raw.signal))
  })
  app.get('/api/runs/:id/counters', async (c) => {
    const run = await runs.get(c.req.param('id'))
    const layers = (c.req.query('layers') ?? '').split(',').slice(0, 10)
    const unit = c.req.query('unit') ?? null
    return c.json(await run.askSlowly((reader) => countersOverTime(reader, layers, unit), c.req.raw.signal))
  })
  app.post('/api/runs/:id/sql', small, async (c) => {
    const run = await runs.get(c.req.param('id'))
    const { sql } = checked(sqlInput, await bodyOf(c))
    return c.json(await run.askSlowly((reader) => runSql(reader, sql), c.req.raw.signal))
  })
  app.get('/api/compare', async (c) => {
    const [a, b] = [c.req.query('a') ?? '', c.req.query('b') ?? '']
    const reports = []
    for (const id of [a, b]) reports.push({ id, report: await (await runs.get(id)).report(null) })
    return c.json(compareReports(reports[0] as never, reports[1] as never))
  })
  app.post('/api/import', async (c) => {
    const body = c.req.raw.body
    if (body === null) throw new LayerlineError('usage/input', 'no file in the request')
    return c.json(await imports.receive(c.req.query('name') ?? 'dropped', body))
  })
  app.get('/api/import/:id', (c) => c.json(imports.state(c.req.param('id'))))
  app.all('/api/*', (c) => failed(c, new LayerlineError('usage/path', 'no such question'), 404))

  app.get('*', (c) => {
    const file = files.get(c.req.path)
    if (file === null) return c.text('no such file\n', 404)
    c.header('cache-control', file.lasting ? 'max-age=31536000, immutable' : 'no-cache')
    return c.body(file.body, 200, { 'content-type': file.type })
  })
  return app
}

const STATUS: Readonly<Record<string, 400 | 404 | 409 | 503>> = {
  'input/run': 404,
  'usage/busy': 503,
  'unreachable/recorder': 503,
  'usage/recording': 409,
}

function failed(c: Context, error: unknown, status?: 404): Response {
  const known = error instanceof LayerlineError ? error : new LayerlineError('internal/page', errorText(error))
  const body: ApiError = { error: { code: known.code, message: known.message, hint: known.hint ?? null } }
  for (const [name, value] of Object.entries(PAGE_HEADERS)) c.header(name, value)
  return c.json(body, status ?? STATUS[known.code] ?? (known.code.startsWith('internal/') ? 500 : 400))
}

async function bodyOf(c: Context): Promise<unknown> {
  // A form of another site cannot send this type.
  if (!/^application\/json\b/.test(c.req.header('content-type') ?? '')) {
    throw new LayerlineError('usage/input', 'expected content-type: application/json')
  }
  try {
    return await c.req.json()
  } catch {
    throw new LayerlineError('usage/input', 'expected JSON')
  }
}

function cookieOf(header: string | undefined): string | undefined {
  return header?.match(new RegExp(`(?:^|;\\s*)${COOKIE}=([^;]*)`))?.[1]
}

function bearerOf(header: string | undefined): string | undefined {
  return header?.match(/^Bearer (\S+)$/)?.[1]
}
