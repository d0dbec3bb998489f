// The summary mail in a real Chromium: what its styles come to, what is really painted, in light, in dark, and on a narrow
// screen. Colours are taken from the pixels of each line of text, so nothing that the mail says of itself is believed.
import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { render } from 'react-email'
import { CallSummary } from '../../emails/call-summary.tsx'
import { tones } from '../../emails/theme.ts'
import { callFacts, utterance, viewOf, wholeCall } from '../support/call-summary.ts'
import { darkened, type Rgb } from '../support/contrast.ts'
import { type Chromium, openChromium, type Tab } from './chromium.ts'
import { computedPairs, type Painted, unreadable } from './readable.ts'

setDefaultTimeout(60_000)
let chromium: Chromium
let mail: Tab
let canvas: Tab
let html: string

beforeAll(async () => {
  chromium = await openChromium()
  canvas = await chromium.tab()
  const view = viewOf([
    ...wholeCall.filter(({ kind }) => kind !== 'recording.status'),
    callFacts.deadline,
    utterance('caller', `A-very-long-word-${'x'.repeat(80)}`, 40_000),
  ])
  html = await render(
    CallSummary({
      ...view,
      badges: Object.keys(tones).map((tone) => ({ label: tone, tone: tone as keyof typeof tones })),
      omitted: { count: 3, after: 2 },
    }),
  )
})
// A tab each: a document that was once made for light stays so, whatever is written into it later.
beforeEach(async () => {
  mail = await chromium.tab()
})
afterAll(() => chromium.close())

/** Where each line of visible text is painted. */
const lineBoxes = `(() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const boxes = []
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.data.trim() || !node.parentElement.checkVisibility({ opacityProperty: true })) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    for (const { x, y, width, height } of range.getClientRects()) {
      if (width > 4) boxes.push({ what: node.data, x: x + scrollX, y: y + scrollY, width, height })
    }
  }
  return boxes
})()`

/** Of each line's pixels: the most frequent colour is what is behind, the one furthest from it is the text's. */
async function paintedPairs(scale: number): Promise<Painted[]> {
  const boxes = await mail.evaluate<unknown[]>(lineBoxes)
  const png = await mail.screenshot()
  return canvas.evaluate<Painted[]>(`(async () => {
    const image = new Image()
    image.src = 'data:image/png;base64,${png}'
    await image.decode()
    const canvas = new OffscreenCanvas(image.width, image.height)
    const context = canvas.getContext('2d', { willReadFrequently: true })
    context.drawImage(image, 0, 0)
    return ${JSON.stringify(boxes)}.map(({ what, x, y, width, height }) => {
      const { data } = context.getImageData(x * ${scale}, y * ${scale}, width * ${scale}, height * ${scale})
      const counts = new Map()
      for (let at = 0; at < data.length; at += 4) {
        const key = data[at] * 65536 + data[at + 1] * 256 + data[at + 2]
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
      const colour = (key) => [key >> 16, (key >> 8) & 255, key & 255]
      const behind = colour([...counts].sort((a, b) => b[1] - a[1])[0][0])
      const distance = (one) => one.reduce((sum, value, index) => sum + Math.abs(value - behind[index]), 0)
      const text = [...counts.keys()].map(colour).sort((a, b) => distance(b) - distance(a))[0]
      return { what, text, behind }
    })
  })()`)
}

const brightness = ([red, green, blue]: Rgb): number => (red + green + blue) / 765
const withoutSchemes = () => html.replace(/<meta name="(supported-)?color-schemes?"[^>]*>/g, '')

describe('the summary mail', () => {
  test('computes to readable text, and stays so however a mail program turns its colours', async () => {
    await mail.dark('off')
    await mail.size({ width: 720, height: 900, scale: 1 })
    await mail.show(html)
    const pairs = await mail.evaluate<Painted[]>(computedPairs)
    expect(pairs.length).toBeGreaterThan(25)
    expect(unreadable(pairs)).toEqual([])
    for (const turn of Object.values(darkened)) expect(unreadable(pairs, turn)).toEqual([])
  })

  test('is painted readably in light', async () => {
    await mail.dark('off')
    await mail.size({ width: 720, height: 900, scale: 2 })
    await mail.show(html)
    const pairs = await paintedPairs(2)
    expect(pairs.length).toBeGreaterThan(25)
    expect(unreadable(pairs)).toEqual([])
  })

  test.each(['preferred', 'forced'] as const)(
    'is painted as it was meant where dark is %s and the program heeds that the mail is made for light',
    async (mode) => {
      await mail.dark(mode)
      await mail.size({ width: 720, height: 900, scale: 2 })
      await mail.show(html)
      const pairs = await paintedPairs(2)
      expect(unreadable(pairs)).toEqual([])
      const [first] = pairs
      expect(brightness(first?.behind ?? [0, 0, 0])).toBeGreaterThan(0.8)
    },
  )

  test('is painted readably where the program does not heed it', async () => {
    await mail.dark('forced')
    await mail.size({ width: 720, height: 900, scale: 2 })
    await mail.show(withoutSchemes())
    const pairs = await paintedPairs(2)
    expect(unreadable(pairs)).toEqual([])
    const [first] = pairs
    expect(brightness(first?.behind ?? [255, 255, 255])).toBeLessThan(0.3)
  })

  test.each([320, 375, 720])('fits a screen of %d px without being pushed sideways', async (width) => {
    await mail.dark('off')
    await mail.size({ width, height: 800, scale: 1 })
    await mail.show(html)
    expect(await mail.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
  })

  test('asks nothing of the network', async () => {
    await mail.show(html)
    expect(await mail.evaluate<number>(`performance.getEntriesByType('resource').length`)).toBe(0)
  })
})
