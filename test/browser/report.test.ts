// The page of a call in a real Chromium, opened from a file as a person would: what it shows, plays, tells and asks for.
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportPage } from '../../sim/report/page.ts'
import { at } from '../support/audited-call.ts'
import { putThrough } from '../support/broken-people.ts'
import { reportedCall } from '../support/reported-call.ts'
import { type Chromium, openChromium, type Tab } from './chromium.ts'
import { computedPairs, type Painted, unreadable } from './readable.ts'

setDefaultTimeout(60_000)
let chromium: Chromium
let folder: string
let tab: Tab

/** Everything that a page may have to show at once. */
const wholePage = () => {
  const call = reportedCall((parts, entries) => {
    const { carrier, stream, inbox } = parts
    putThrough(parts)
    const person = { wire: 'call', from: 'person', to: 'carrier' } as const
    entries.push({ ...person, atMs: 2_005, what: 'say', body: { words: 'Okafor speaking.' } })
    const sent = { causedAtMs: at(8_700), url: 'https://frontdesk.example/api/twilio/status', tookMs: 120 }
    const form = { CallStatus: 'completed', SequenceNumber: '0' }
    carrier.deliveries.push(
      { ...sent, form, atMs: at(8_800), status: 204 },
      { ...sent, form, atMs: at(48_800), status: 500 },
    )
    carrier.said.push({ atMs: at(25), endedAtMs: at(95), text: 'This call is recorded.' })
    inbox.requests.push({ atMs: at(609_900), idempotencyKey: 'call-summary/1', status: 200, error: null })
    stream.sent.splice(100, 20)
    Object.assign(stream.marks[0] ?? {}, { returnedAtMs: null })
    entries.push({ atMs: 10, wire: 'realtime', from: 'server', to: 'model', what: 'handshake 503' })
  })
  return reportPage({ ...call, violations: [{ rule: 'all is well', explanation: 'It is not', evidence: { byte: 1 } }] })
}

async function show(page: string, width = 1_280): Promise<void> {
  const file = join(folder, 'report.html')
  await writeFile(file, page)
  await tab.size({ width, height: 900, scale: 1 })
  await tab.open(`file://${file}`)
}

const seconds = () => tab.evaluate<number>(`Number.parseFloat(document.querySelector('.clock').textContent)`)
const soundAt = () => tab.evaluate<number>(`document.querySelector('audio').currentTime`)
const until = (state: string) =>
  tab.evaluate(`new Promise((done) => {
  const audio = document.querySelector('audio')
  const look = () => (${state}) ? done(true) : requestAnimationFrame(look)
  look()
})`)

type Box = { x: number; y: number; width: number; height: number }
const boxOf = (selector: string) =>
  tab.evaluate<Box>(`(() => {
    const element = document.querySelector(${JSON.stringify(selector)})
    element.scrollIntoView({ block: 'center', inline: 'center' })
    return element.getBoundingClientRect().toJSON()
  })()`)

/** Where the cursor stands, in pixels from the beginning of the axis, and how long a second is. */
const cursor = () =>
  tab.evaluate<{ x: number; second: number }>(`(() => {
    const track = document.querySelector('.ruler .track').getBoundingClientRect()
    const box = document.querySelector('.cursor').getBoundingClientRect()
    const length = Number(document.querySelector('.sheet').dataset.length)
    return { x: box.left + box.width / 2 - track.left, second: track.width / length }
  })()`)

async function clickOn(selector: string, across = 0.5): Promise<void> {
  const { x, y, width, height } = await boxOf(selector)
  await tab.click(x + width * across, y + height / 2)
}

beforeAll(async () => {
  chromium = await openChromium()
  folder = await mkdtemp(join(tmpdir(), 'frontdesk-report-'))
})
beforeEach(async () => {
  tab = await chromium.tab()
})
afterAll(async () => {
  await chromium.close()
  await rm(folder, { recursive: true, force: true })
})

describe('the page of a call', () => {
  test('asks nothing of the network, and complains of nothing', async () => {
    await show(wholePage())
    await clickOn('.play')
    await until('audio.currentTime > 0')
    // Chromium draws the controls of its player with pictures of its own, which are data: as well.
    expect(tab.noticed.requests.filter((url) => !/^(file:\/\/.*report\.html$|data:)/.test(url))).toEqual([])
    expect(tab.noticed.complaints).toEqual([])
  })

  test('runs nothing of what was said in the call', async () => {
    const attack = `</button></script><script>document.title = 'hurt'</script><img src=x onerror="document.title = 'hurt'">`
    const call = reportedCall(({ fixture }, entries) => {
      fixture.about = attack
      for (const entry of entries) if (entry.what === 'say') entry.body = { words: attack }
    })
    await show(reportPage(call))
    expect(await tab.evaluate<string>('document.title')).toBe('✔ by-hand: call report')
    expect(await tab.evaluate<string>(`document.querySelector('.turn.caller').textContent`)).toBe(attack)
    expect(tab.noticed.complaints).toEqual([])
  })

  test('plays the whole call, and the cursor goes with the sound until it is paused', async () => {
    await show(reportPage(reportedCall()))
    expect(await tab.evaluate<number>(`document.querySelector('audio').duration`)).toBeCloseTo(8.68, 2)
    await clickOn('.play')
    const told = `Number.parseFloat(document.querySelector('.clock').textContent)`
    await until(`!audio.paused && ${told} > 0.3 && document.querySelector('.play').ariaLabel === 'Pause'`)
    await tab.press(' ', ' ')
    await until(`audio.paused && document.querySelector('.play').ariaLabel === 'Play'`)
    const { x, second } = await cursor()
    // The sound begins when the call is answered, 20 ms after it rang.
    expect(x / second).toBeGreaterThan(0.3)
    expect(Math.abs(x / second - (await soundAt()) - 0.02)).toBeLessThan(0.02)
  })

  test('seeks to where the timeline is clicked', async () => {
    // Answered late: the sound begins later than the axis.
    await show(reportPage(reportedCall(({ carrier }) => Object.assign(carrier, { answeredAtMs: at(2_000) }))))
    const track = await boxOf('.ruler .track')
    const { second } = await cursor()
    await tab.click(track.x + 3.4 * second, track.y + track.height / 2)
    expect((await cursor()).x).toBeCloseTo(3.4 * second, -0.5)
    expect(await soundAt()).toBeCloseTo(1.4, 1)
    expect(await tab.evaluate<string>(`document.querySelector('.turn.now').textContent`)).toBe(
      'Please renew my inhaler.',
    )
  })

  test('seeks to a turn, to a line of the list, and in the overview', async () => {
    await show(reportPage(reportedCall()))
    await clickOn('.turn.caller')
    expect(await seconds()).toBe(3)
    await clickOn('.list tr.cuts button')
    expect(await seconds()).toBe(6.2)
    const length = await tab.evaluate<number>(`Number(document.querySelector('.sheet').dataset.length)`)
    await clickOn('.overview', 0.25)
    expect(Math.abs((await seconds()) - length / 4)).toBeLessThan(0.1)
    expect(await tab.evaluate(`document.querySelector('.overview').ariaValueText`)).toBe(`${await seconds()} seconds`)
  })

  test('never leaves the call: what came after it takes the cursor to its end', async () => {
    await show(wholePage())
    await clickOn('.chip.mail')
    expect(await seconds()).toBe(8.7)
  })

  test('obeys its keys: seconds, ends, events, size', async () => {
    await show(reportPage(reportedCall()))
    const after = async (...keys: string[]) => {
      for (const key of keys) await tab.press(key, key.length === 1 ? key : undefined)
      return seconds()
    }
    expect(await after('ArrowRight', 'ArrowRight')).toBe(2)
    expect(await after('ArrowLeft')).toBe(1)
    expect(await after('n')).toBe(3)
    expect(await after('p')).toBe(0.5)
    expect(await after('End')).toBe(8.7)
    expect(await after('Home')).toBe(0)
    const width = async () => (await boxOf('.sheet')).width
    const before = await width()
    await after('+')
    expect(await width()).toBeGreaterThan(before * 1.3)
    await after('-', '-')
    expect(await width()).toBe(before)
  })

  test('keeps everything at its instant when it is drawn larger', async () => {
    await show(wholePage())
    const places = () =>
      tab.evaluate<{ width: number; lefts: number[] }>(`(() => {
        const { left, width } = document.querySelector('.ruler .track').getBoundingClientRect()
        const all = [...document.querySelectorAll('.track :is(.wave, .turn, .arrow, .bar, .tick, .mark, .wait, .cut)')]
        return { width, lefts: all.map((one) => one.getBoundingClientRect().left - left) }
      })()`)
    const before = await places()
    expect(before.lefts.length).toBeGreaterThan(50)
    await clickOn('[data-zoom=in]')
    await clickOn('[data-zoom=in]')
    const after = await places()
    expect(after.width).toBeCloseTo(before.width * 2, 0)
    // Signs are as wide as before, and stand around their instants.
    const signPx = 5
    const moved = after.lefts.filter((left, index) => Math.abs(left - 2 * (before.lefts[index] ?? 0)) > signPx)
    expect(moved).toEqual([])
  })

  test('tells more of what is pointed at, or reached by the keyboard, and stops when told', async () => {
    await show(reportPage(reportedCall()))
    const told = () =>
      tab.evaluate<string>(
        `(() => { const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.textContent })()`,
      )
    const { x, y, width, height } = await boxOf('.chip.callback')
    await tab.hover(x + width / 2, y + height / 2)
    expect(await told()).toContain('8.90 s  Carrier → server')
    expect(await told()).toContain('left 200 ms after what it tells of')
    await tab.press('Escape')
    expect(await told()).toBe('')
    await tab.evaluate(`document.querySelector('.chip.tool').focus()`)
    expect(await told()).toContain('caller_name: Dana')
    const { right, bottom } = await tab.evaluate<{ right: number; bottom: number }>(
      `document.querySelector('.tip').getBoundingClientRect().toJSON()`,
    )
    expect(right).toBeLessThanOrEqual(1_280)
    expect(bottom).toBeLessThanOrEqual(900)
  })

  test.each(['off', 'preferred'] as const)('is readable where dark is %s', async (mode) => {
    await tab.dark(mode)
    await show(wholePage())
    await tab.evaluate(`document.querySelectorAll('details').forEach((one) => { one.open = true })`)
    const pairs = await tab.evaluate<Painted[]>(computedPairs)
    expect(pairs.length).toBeGreaterThan(100)
    expect(unreadable(pairs)).toEqual([])
    const ground = await tab.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    expect(ground).toBe(mode === 'off' ? 'rgb(244, 246, 248)' : 'rgb(16, 20, 26)')
  })

  test('is printed dark on white, with the whole timeline on the sheet and without what cannot be pressed', async () => {
    await tab.dark('preferred')
    await show(wholePage(), 1_000)
    await tab.paper()
    expect(unreadable(await tab.evaluate<Painted[]>(computedPairs))).toEqual([])
    const isWhole = `(() => { const { scrollWidth, clientWidth } = document.querySelector('.scroll'); return scrollWidth <= clientWidth })()`
    expect(await tab.evaluate<boolean>(isWhole)).toBe(true)
    expect(await tab.evaluate<boolean>(`document.querySelector('.player').checkVisibility()`)).toBe(false)
  })

  test.each([320, 390, 768, 1_280, 1_920])('fits a screen of %d px without being pushed sideways', async (width) => {
    await show(wholePage(), width)
    expect(await tab.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
  })

  test.each([390, 1_280])('lets no label cover another on a screen of %d px', async (width) => {
    await show(wholePage(), width)
    const covered = await tab.evaluate<string[][]>(`(() => {
      const tracks = [...document.querySelectorAll('.track')]
      return tracks.flatMap((track) => {
        const labels = [...track.querySelectorAll('.chip, .turn, .wait-text')].map((one) => [one.textContent, one.getBoundingClientRect()])
        return labels.flatMap(([text, a], index) => labels.slice(index + 1)
          .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
          .map(([other]) => [text, other]))
      })
    })()`)
    expect(covered).toEqual([])
  })

  test('has a name for everything that can be pressed, and all of the timeline in its list', async () => {
    await show(wholePage())
    const nameless = await tab.evaluate<
      string[]
    >(`[...document.querySelectorAll('button, [role=slider], [role=region], audio, summary')]
      .filter((one) => one.tagName !== 'AUDIO' && !(one.ariaLabel ?? one.textContent).trim()).map((one) => one.outerHTML)`)
    expect(nameless).toEqual([])
    const missing = await tab.evaluate<string[]>(`(() => {
      const list = document.querySelector('.list').textContent.replace(/\\s+/g, ' ')
      const labels = [...document.querySelectorAll('.chip, .turn')].map((one) => one.textContent.trim().replace(/\\s+/g, ' '))
      return labels.filter((label) => !list.includes(label))
    })()`)
    expect(missing).toEqual([])
  })
})
