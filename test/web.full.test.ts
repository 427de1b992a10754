import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RunWriter } from '../src/imports/run-writer.ts'
import { startWebServer, type WebServer } from '../src/server/web/web-server.ts'
import { codeOf } from '../src/trace/columns.ts'
import { LAYERS } from '../src/trace/tables.ts'
import { CHECKOUT } from './support/cli.ts'
import { knownRun } from './support/known-run.ts'

const HOSTILE = `<script>window.hacked = 1</script>"' onerror=x \u202eRTL ${'x'.repeat(10_000)}`
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let folder: string
let browser: Browser
let server: WebServer
let page: Page
const faults: string[] = []

/** A sealed run whose names a page must not take for its own. */
async function hostileRun(out: string): Promise<void> {
  const run = await RunWriter.create(out, { format: 'test' })
  run.setEpoch(1_790_000_000_000_000)
  const { tracks, strings, slices } = run.writers
  tracks.append({ track_id: 1, layer: codeOf(LAYERS, 'kernel'), name: HOSTILE, thread: HOSTILE, clock: 'run' })
  strings.append({ id: 1, text: HOSTILE })
  slices.append({ slice_id: 1, track_id: 1, t_ns: 0, dur_ns: 5e6, name_id: 1, category: 'cpu_op' })
  await run.finish()
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'layerline-test-'))
  cpSync(join(CHECKOUT, 'samples/run-v1'), join(folder, 'sample'), { recursive: true })
  await knownRun(folder)
  await hostileRun(join(folder, 'hostile'))
  server = await startWebServer({ folder, host: '127.0.0.1', port: 0, self: null })
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
  })
  page = await browser.newPage({ viewport: { width: 1280, height: 720 } })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  page.on('request', (request) => {
    if (!request.url().startsWith(server.url) && !request.url().startsWith('blob:')) faults.push(request.url())
  })
})

afterAll(async () => {
  await browser?.close()
  await server?.close()
  rmSync(folder, { recursive: true, force: true })
})

async function open(hash: string): Promise<void> {
  await page.goto('about:blank')
  await page.goto(`${server.url}#/${hash}`)
  await expect
    .poll(() =>
      page.evaluate<boolean>(
        "document.querySelector('.loading') === null && document.querySelector('main > *') !== null",
      ),
    )
    .toBe(true)
}

async function violations(): Promise<string[]> {
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { violations: found } = await (
      globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
    ).axe.run()
    return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ''}`)
  })
}

/** What the timeline shows, from its address, in ns. */
async function span(): Promise<number> {
  const query = new URLSearchParams((await page.evaluate<string>('location.hash')).split('?')[1])
  return Number(query.get('to')) - Number(query.get('from'))
}

test('the list has every run, and one opens', async () => {
  await open('runs')
  await page.getByRole('link', { name: 'sample' }).click()
  await page.getByText('requests answered').first().waitFor()
  expect(await page.locator('.slowest li').count()).toBe(5)
  // The first screen ends with the layers.
  const box = await page.locator('.layers').boundingBox()
  expect((box?.y ?? 9999) + (box?.height ?? 0)).toBeLessThanOrEqual(720)
})

test.each(['overview', 'timeline', 'requests', 'latency', 'engine', 'kernels', 'os', 'energy', 'sql'])(
  '%s has no violation of accessibility, light and dark, and nothing of it comes from elsewhere',
  async (view) => {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await open(`run/sample/${view}`)
      expect(await violations()).toEqual([])
    }
    expect(faults).toEqual([])
  },
)

test('keys zoom and pan, and the address keeps the view', async () => {
  await open('run/sample/timeline')
  await page.keyboard.press('w')
  await expect.poll(span).toBeGreaterThan(0)
  const before = await span()
  for (let i = 0; i < 4; i++) await page.keyboard.press('w')
  await expect.poll(span).toBeLessThan(before * 0.3)
  const now = await span()
  const address = page.url()
  await page.goto('about:blank')
  await page.goto(address)
  await page.locator('canvas').waitFor()
  await page.keyboard.press('d')
  await expect.poll(async () => Math.round((await span()) / now)).toBe(1)
})

test('a token leads to its step by keyboard, and the step back to its token', async () => {
  await open('run/known/timeline?request=1&token=2')
  const detail = page.locator('.detail')
  await detail.getByText('made by').waitFor()
  await page.keyboard.press('l')
  await page.keyboard.press('Enter')
  await expect.poll(() => page.evaluate<string>('location.hash')).toContain('slice=3')
  await detail.getByRole('button', { name: 'token event 2 of request 1' }).click()
  await expect.poll(() => page.evaluate<string>('location.hash')).toContain('token=2')
  await page.keyboard.press('.')
  await expect.poll(() => page.evaluate<string>('location.hash')).toContain('token=3')
})

test('a click on the canvas selects what lies there, a drag a range with its figures', async () => {
  await open('run/known/timeline')
  const canvas = page.locator('canvas')
  await expect
    .poll(() => page.evaluate<boolean>("document.querySelector('canvas')?.dataset.busy === 'false'"))
    .toBe(true)
  const box = await canvas.boundingBox()
  if (box === null) throw new Error('no canvas')
  // Request 0 waits for its first token from 550 to 750 ms of 3.4 s, in the first lane, below the ruler and the heading.
  await page.mouse.click(box.x + box.width * 0.2, box.y + 26 + 24 + 10)
  await page.locator('.detail').waitFor()
  await page.mouse.move(box.x + 200, box.y + 300)
  await page.mouse.down()
  await page.mouse.move(box.x + 500, box.y + 300, { steps: 4 })
  await page.mouse.up()
  await page.getByText('requests sent').waitFor()
})

test('SQL answers, refuses what would write, and says what is wrong', async () => {
  await open('run/sample/sql')
  const editor = page.getByRole('textbox', { name: /SQL/ })
  await editor.fill("SELECT count(*) AS n FROM requests WHERE status = 'ok'")
  await page.keyboard.press('Control+Enter')
  await page.locator('.sql-result td', { hasText: /^7$/ }).waitFor()
  await editor.fill('DROP TABLE requests')
  await page.keyboard.press('Control+Enter')
  await page.getByRole('alert').getByText('expected a SELECT').waitFor()
  faults.length = 0
})

test('names that look like markup are text, wherever they stand', async () => {
  for (const view of ['timeline?slice=1', 'kernels', 'overview']) {
    await open(`run/hostile/${view}`)
    expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false)
    expect(await page.locator('main script').count()).toBe(0)
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(1280)
  }
  expect(faults).toEqual([])
})

test('at 390 wide nothing lies beside the page', async () => {
  await page.setViewportSize({ width: 390, height: 800 })
  for (const view of ['overview', 'timeline', 'requests', 'latency', 'sql']) {
    await open(`run/sample/${view}`)
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390)
  }
  await page.setViewportSize({ width: 1280, height: 720 })
})

test('another host, another origin and a form are refused', async () => {
  const ask = (headers: Record<string, string>, method = 'GET', path = 'api/runs') =>
    fetch(new URL(path, server.url), { method, headers })
  expect((await ask({ origin: 'http://evil.example' })).status).toBe(403)
  expect((await ask({ 'sec-fetch-site': 'cross-site' }, 'POST', 'api/runs/sample/sql')).status).toBe(403)
  expect((await ask({ 'content-type': 'text/plain' }, 'POST', 'api/runs/sample/sql')).status).toBe(400)
  const answer = await ask({})
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
})
