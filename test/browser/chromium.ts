// A real Chromium without a window, spoken to over its DevTools protocol, so that pages and mails can be looked at as a
// person's browser shows them. One process a `openChromium`; it goes with `close`, and takes its profile folder along.
// Source: chromedevtools.github.io/devtools-protocol.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const startLimitMs = 20_000
const answerLimitMs = 20_000

export type Tab = {
  /** Shows a document of its own, without any network. */
  show(html: string): Promise<void>
  /** Goes to an address, and has it loaded. */
  open(url: string): Promise<void>
  /** Where a person would, in the window's pixels. */
  click(x: number, y: number): Promise<void>
  hover(x: number, y: number): Promise<void>
  /** A key by its DOM name, such as `ArrowRight`; with the text it types, if it types any. */
  press(key: string, text?: string): Promise<void>
  /** What the page asked of the network and complained of since it was opened. */
  readonly noticed: { requests: string[]; complaints: string[] }
  size(viewport: { width: number; height: number; scale: number }): Promise<void>
  /** preferred: the person likes it dark. forced: the program darkens what says nothing about it. */
  dark(mode: 'off' | 'preferred' | 'forced'): Promise<void>
  /** As it would be printed. */
  paper(): Promise<void>
  /** The value of an expression, which may be a promise, as JSON. */
  evaluate<T>(expression: string): Promise<T>
  /** The whole document, as a PNG in base64. */
  screenshot(): Promise<string>
}

export type Chromium = { tab(): Promise<Tab>; close(): Promise<void> }

export async function openChromium(): Promise<Chromium> {
  const binary = names.map((name) => Bun.which(name)).find((path) => path !== null)
  if (binary === undefined) {
    throw new Error('Chromium is missing, and this test looks at real pages: install it (`sudo apt install chromium`)')
  }
  const profile = await mkdtemp(join(tmpdir(), 'frontdesk-chromium-'))
  const process = Bun.spawn(
    [
      binary,
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars'],
      ...['--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'],
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
  )
  const close = async () => {
    process.kill()
    await process.exited
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const address = await within(startLimitMs, 'Chromium did not start', addressIn(process.stderr))
    const connection = await connect(address)
    return { tab: () => openTab(connection), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function addressIn(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = ''
  for await (const bytes of output) {
    text += new TextDecoder().decode(bytes)
    const address = /DevTools listening on (ws:\S+)/.exec(text)?.[1]
    if (address !== undefined) return address
  }
  throw new Error(`Chromium ended before it listened: ${text.slice(-500)}`)
}

type Answer = { id?: number; result?: Record<string, unknown>; error?: { message: string } }
type Ask = (method: string, params?: object, sessionId?: string) => Promise<Record<string, unknown>>
type Notice = { method: string; params: Record<string, unknown>; sessionId: string }
type Connection = { ask: Ask; onNotice(sessionId: string, listener: (notice: Notice) => void): void }

async function connect(address: string): Promise<Connection> {
  const socket = new WebSocket(address)
  const waiting = new Map<number, (answer: Answer) => void>()
  const listeners = new Map<string, (notice: Notice) => void>()
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data)) as Answer | Notice
    if ('method' in message) listeners.get(message.sessionId)?.(message)
    else if (message.id !== undefined) waiting.get(message.id)?.(message)
  }
  const opened = new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve()
    socket.onerror = () => reject(new Error('Chromium does not take connections'))
  })
  await within(startLimitMs, 'Chromium does not answer', opened)
  let asked = 0
  const ask: Ask = async (method, params = {}, sessionId) => {
    const id = ++asked
    const answered = new Promise<Answer>((resolve) => waiting.set(id, resolve))
    socket.send(JSON.stringify({ id, method, params, sessionId }))
    const { result, error } = await within(answerLimitMs, `Chromium does not answer ${method}`, answered)
    waiting.delete(id)
    if (error !== undefined) throw new Error(`Chromium refuses ${method}: ${error.message}`)
    return result ?? {}
  }
  return { ask, onNotice: (sessionId, listener) => void listeners.set(sessionId, listener) }
}

async function openTab({ ask, onNotice }: Connection): Promise<Tab> {
  const { targetId } = await ask('Target.createTarget', { url: 'about:blank' })
  const { sessionId } = await ask('Target.attachToTarget', { targetId, flatten: true })
  const inTab = (method: string, params: object = {}) => ask(method, params, String(sessionId))
  const noticed: Tab['noticed'] = { requests: [], complaints: [] }
  let loaded = () => {}
  onNotice(String(sessionId), ({ method, params }) => {
    if (method === 'Page.loadEventFired') loaded()
    else if (method === 'Network.requestWillBeSent') noticed.requests.push((params as Requested).request.url)
    else if (complaining.has(method)) noticed.complaints.push(JSON.stringify(params))
  })
  for (const domain of ['Page', 'Network', 'Runtime', 'Log']) await inTab(`${domain}.enable`)
  const mouse = (type: string, x: number, y: number) =>
    inTab('Input.dispatchMouseEvent', { type, x, y, button: type === 'mouseMoved' ? 'none' : 'left', clickCount: 1 })
  const { frameTree } = (await inTab('Page.getFrameTree')) as { frameTree: { frame: { id: string } } }
  return {
    async show(html) {
      await inTab('Page.setDocumentContent', { frameId: frameTree.frame.id, html })
    },
    async open(url) {
      const isLoaded = new Promise<void>((resolve) => {
        loaded = resolve
      })
      Object.assign(noticed, { requests: [], complaints: [] })
      await inTab('Page.navigate', { url })
      await within(startLimitMs, `Chromium does not load ${url}`, isLoaded)
    },
    async click(x, y) {
      for (const type of ['mouseMoved', 'mousePressed', 'mouseReleased']) await mouse(type, x, y)
    },
    async hover(x, y) {
      await mouse('mouseMoved', x, y)
    },
    async press(key, text) {
      await inTab('Input.dispatchKeyEvent', { type: 'keyDown', key, text })
      await inTab('Input.dispatchKeyEvent', { type: 'keyUp', key })
    },
    noticed,
    async size({ width, height, scale }) {
      await inTab('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: scale, mobile: false })
    },
    async dark(mode) {
      const value = mode === 'off' ? 'light' : 'dark'
      await inTab('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] })
      await inTab('Emulation.setAutoDarkModeOverride', mode === 'forced' ? { enabled: true } : {})
    },
    async paper() {
      await inTab('Emulation.setEmulatedMedia', { media: 'print' })
    },
    async evaluate<T>(expression: string) {
      const answer = await inTab('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true })
      const { result, exceptionDetails } = answer as { result: { value: T }; exceptionDetails?: { text: string } }
      if (exceptionDetails !== undefined) throw new Error(`Page failed: ${JSON.stringify(exceptionDetails)}`)
      return result.value
    },
    async screenshot() {
      // A tab behind another is not painted, and would be waited for in vain.
      await inTab('Page.bringToFront')
      const { data } = await inTab('Page.captureScreenshot', { format: 'png', captureBeyondViewport: true })
      return String(data)
    },
  }
}

type Requested = { request: { url: string } }
const complaining = new Set(['Runtime.exceptionThrown', 'Runtime.consoleAPICalled', 'Log.entryAdded'])

async function within<T>(limitMs: number, complaint: string, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${complaint} within ${limitMs} ms`)), limitMs)
  })
  try {
    return await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
