// The summary mail held against what mail programs do to mail: only what all of them understand, readable whichever way
// they turn its colours, small enough not to be cut, and the same bytes every time.
import { describe, expect, spyOn, test } from 'bun:test'
import { render } from 'react-email'
import { CallSummary, type CallSummaryProps } from '../../emails/call-summary.tsx'
import { callSummaryText } from '../../emails/call-summary-text.ts'
import { tones } from '../../emails/theme.ts'
import type { ConversationFact } from '../../src/conversations/events.ts'
import { callFacts, sampleAnalysis, utterance, viewOf, wholeCall } from '../support/call-summary.ts'
import { asGiven, contrastOf, darkened, fromHex, type Pair } from '../support/contrast.ts'

const maxHtmlBytes = 80_000
const minContrast = 4.5
const htmlOf = (props: CallSummaryProps): Promise<string> => render(CallSummary(props))

type Element = { tag: string; attributes: Record<string, string>; style: Record<string, string> }
type TextNode = { text: string; isHidden: boolean; pair: Pair }

/** What a mail program sees: every element, and every text with the colours that it inherits. */
function read(html: string): { elements: Element[]; texts: TextNode[] } {
  const elements: Element[] = []
  const texts: TextNode[] = []
  const open: Element[] = []
  const inherited = (property: string) => open.findLast(({ style }) => style[property] !== undefined)?.style[property]
  let buffer = ''
  const flush = () => {
    const text = decode(buffer).replace(/\s+/g, ' ').trim()
    buffer = ''
    if (text === '' || open.some(({ tag }) => tag === 'head')) return
    const pair = {
      text: fromHex(inherited('color') ?? 'none'),
      behind: fromHex(inherited('background-color') ?? 'none'),
    }
    texts.push({ text, isHidden: open.some(({ style }) => style.display === 'none'), pair })
  }
  new HTMLRewriter()
    .on('*', {
      element(node) {
        flush()
        const attributes = Object.fromEntries(node.attributes)
        const element = { tag: node.tagName, attributes, style: styleOf(decode(attributes.style ?? '')) }
        elements.push(element)
        if (node.selfClosing || !node.canHaveContent) return
        open.push(element)
        node.onEndTag(() => {
          flush()
          open.pop()
        })
      },
      text(chunk) {
        buffer += chunk.text
      },
    })
    .transform(html)
  return { elements, texts }
}

const styleOf = (style: string): Record<string, string> =>
  Object.fromEntries(
    style
      .split(';')
      .filter(Boolean)
      .map((one) => [one.slice(0, one.indexOf(':')), one.slice(one.indexOf(':') + 1)]),
  )

const named: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#x27;': "'" }
const decode = (text: string): string => text.replace(/&(?:amp|lt|gt|quot|#x27);/g, (entity) => named[entity] ?? entity)

const allTones: CallSummaryProps = {
  ...viewOf([...wholeCall.filter(({ kind }) => kind !== 'recording.status'), callFacts.deadline]),
  badges: Object.keys(tones).map((tone) => ({ label: tone, tone: tone as keyof typeof tones })),
  omitted: { count: 3, after: 2 },
}

const variants: [name: string, props: CallSummaryProps][] = [
  ['a whole call', viewOf(wholeCall)],
  ['everything there can be', allTones],
  ['a silent call', viewOf([callFacts.incoming, callFacts.completed, { kind: 'analysis.skipped', reason: 'x' }])],
]

describe.each(variants)('of %s', (_, props) => {
  test('every text can be read, as it is and however a program darkens it', async () => {
    const { texts } = read(await htmlOf(props))
    expect(texts.length).toBeGreaterThan(10)
    for (const [name, turn] of [['as given', asGiven] as const, ...Object.entries(darkened)]) {
      const unreadable = texts
        .filter(({ isHidden }) => !isHidden)
        .map(({ text, pair }) => ({ name, text, ratio: contrastOf(turn(pair)) }))
        .filter(({ ratio }) => ratio < minContrast)
      expect(unreadable).toEqual([])
    }
  })

  test('holds nothing that some mail program drops: no style sheet, script, image, form or button', async () => {
    const { elements } = read(await htmlOf(props))
    const tags = new Set(elements.map(({ tag }) => tag))
    for (const tag of ['style', 'link', 'script', 'img', 'svg', 'form', 'button', 'input', 'video', 'iframe']) {
      expect(tags.has(tag)).toBe(false)
    }
  })

  test('is styled inline, in longhand, in hex and px, and without pure white or black', async () => {
    const { elements } = read(await htmlOf(props))
    const shorthand = /^(font|background|padding|margin|border(-(top|right|bottom|left))?|list-style|flex|gap)$/
    const value = /^(#[0-9a-f]{6}|-?\d+(\.\d+)?px|\d+|100%|[a-z-]+|-apple-system, .*)$/i
    for (const { style } of elements) {
      for (const [property, given] of Object.entries(style)) {
        expect(property).not.toMatch(shorthand)
        expect(given).toMatch(value)
        expect(given).not.toMatch(/^(rgb|hsl|var|calc|#fff|#000|white$|black$)/i)
        if (property.endsWith('color')) expect(given).toMatch(/^#[0-9a-f]{6}$/i)
      }
    }
  })

  test('is laid out in tables that readers know for layout, and titled once', async () => {
    const { elements } = read(await htmlOf(props))
    const tables = elements.filter(({ tag }) => tag === 'table')
    expect(tables.length).toBeGreaterThan(3)
    expect(tables.every(({ attributes }) => attributes.role === 'presentation')).toBe(true)
    expect(elements.filter(({ tag }) => tag === 'h1')).toHaveLength(1)
    expect(elements.find(({ tag }) => tag === 'html')?.attributes).toMatchObject({ lang: 'en', dir: 'ltr' })
  })

  test('says that it is made for light, and what it is called', async () => {
    const html = await htmlOf(props)
    expect(html).toContain('<meta name="color-scheme" content="light only"/>')
    expect(html.match(/<title>/g)).toHaveLength(1)
    expect(decode(/<title>(.*?)<\/title>/.exec(html)?.[1] ?? '')).toBe(props.subject)
  })

  test('links nowhere, and loads nothing', async () => {
    const { elements } = read(await htmlOf(props))
    const reaches = ({ attributes: { href, src, background } }: (typeof elements)[number]) => href ?? src ?? background
    expect(elements.map(reaches).filter((address) => address !== undefined)).toEqual([])
    expect(callSummaryText(props)).not.toContain('://')
  })

  test('says in the text part everything that it says in the HTML', async () => {
    const plain = callSummaryText(props).replace(/\s+/g, ' ').toLowerCase()
    const said = read(await htmlOf(props)).texts.filter(({ isHidden, text }) => !isHidden && !/^[•…\u00a0]$/.test(text))
    expect(said.length).toBeGreaterThan(8)
    for (const { text } of said) expect(plain).toContain(text.replace(/^\[|\]$/g, '').toLowerCase())
    expect(callSummaryText(props)).not.toMatch(/<[a-z]/i)
  })

  test('is the same, byte for byte, each time', async () => {
    expect(await htmlOf(props)).toBe(await htmlOf(structuredClone(props)))
    expect(callSummaryText(props)).toBe(callSummaryText(structuredClone(props)))
  })
})

describe('size', () => {
  const worst = (text: string): ConversationFact[] => [
    ...wholeCall.filter(({ kind }) => kind !== 'analysis.completed' && kind !== 'message.taken'),
    {
      kind: 'analysis.completed',
      analysis: {
        ...sampleAnalysis,
        summary: text,
        reason: text,
        callerName: text,
        callbackNumber: text,
        followUps: Array.from({ length: 20 }, () => text),
      },
    },
    ...Array.from(
      { length: 9 },
      (_, n): ConversationFact => ({
        ...callFacts.message,
        toolCallId: `call_${n}`,
        message: text,
        callerName: text,
        forWhom: text,
        callbackNumber: text,
      }),
    ),
    ...Array.from({ length: 9 }, (_, n): ConversationFact => ({ kind: 'warning', about: `${n}`, text })),
    ...Array.from({ length: 900 }, (_, n) => utterance(n % 2 === 0 ? 'caller' : 'agent', text, n * 1000, text)),
  ]
  test.each([
    ['quotation marks', '" '.repeat(1_000)],
    ['ampersands', '& '.repeat(1_000)],
    ['emoji', '🦷 '.repeat(1_000)],
    ['Chinese', '牙疼'.repeat(1_000)],
    ['short turns', 'ok'],
  ])(`stays below ${maxHtmlBytes} bytes, however long the call is and whatever is said: %s`, async (_, text) => {
    const clinic = { name: text, timeZone: 'America/New_York' }
    const html = await htmlOf(viewOf(worst(text), { clinic }))
    expect(Buffer.byteLength(html)).toBeLessThan(maxHtmlBytes)
    expect(html).toContain('more turns are left out here')
  })
})

describe('words from outside', () => {
  test('markup in what was said is shown, not obeyed', async () => {
    const props = viewOf([...wholeCall, utterance('caller', '</td><script>alert(1)</script><a href=//evil>', 30_000)])
    const html = await htmlOf(props)
    expect(html).toContain('&lt;script&gt;')
    expect(read(html).elements.some(({ tag }) => tag === 'script')).toBe(false)
  })

  test('nothing of the patient stands where a locked screen shows it', async () => {
    const { texts } = read(await htmlOf(viewOf(wholeCall)))
    const hidden = texts
      .filter(({ isHidden }) => isHidden)
      .map(({ text }) => text)
      .join('')
    expect(hidden).toStartWith('One call, 1 min 42 s')
    for (const secret of ['Maria', 'Lopez', 'earache', '5557654321']) expect(hidden).not.toContain(secret)
  })

  test('the same words twice are no secret told to the console', async () => {
    const printed = spyOn(console, 'error')
    const again = { ...viewOf(wholeCall) }
    again.followUps = ['Call Maria.', 'Call Maria.']
    again.turns = [...again.turns, ...again.turns]
    again.messages = [...again.messages, ...again.messages]
    await htmlOf(again)
    expect(printed).not.toHaveBeenCalled()
    printed.mockRestore()
  })
})
