// Every document that Twilio is given says what comes next, to the end of the call.
import { describe, expect, test } from 'bun:test'
import { XMLParser, XMLValidator } from 'fast-xml-parser'
import * as twiml from '../../src/calls/twiml.ts'
import { spokenToAnybody, tapeWords } from '../../src/calls/wording.ts'

const urls = twiml.callUrls('https://frontdesk.example/behind/a/prefix')
const offer = { streamId: 'opaque', token: 't0ken', generation: 2, spokenFirst: [] }

const documents: Record<string, string> = {
  stream: twiml.streamTwiml(urls, offer),
  'stream after a notice': twiml.streamTwiml(urls, {
    ...offer,
    spokenFirst: twiml.inEnglish('This call is recorded.'),
  }),
  voicemail: twiml.voicemailTwiml(urls, 120, spokenToAnybody(tapeWords('noAgent'))),
  unrouted: twiml.unroutedTwiml(),
  thanks: twiml.farewellTwiml(twiml.inEnglish('Thank you.')),
  hangup: twiml.hangupTwiml(),
  empty: twiml.emptyTwiml(),
}

type Verb = { name: string; attributes: Record<string, string>; verbs: Verb[]; text: string }
type Node = Record<string, unknown>

function parse(document: string): Verb[] {
  const parser = new XMLParser({ preserveOrder: true, ignoreAttributes: false, attributeNamePrefix: '' })
  const [response] = (parser.parse(document) as Node[]).filter((node) => 'Response' in node).map(verbOf)
  return response?.verbs ?? []
}

function verbOf(node: Node): Verb {
  const [name = ''] = Object.keys(node).filter((key) => key !== ':@')
  const inner = (Array.isArray(node[name]) ? node[name] : []) as Node[]
  return {
    name,
    attributes: (node[':@'] ?? {}) as Record<string, string>,
    verbs: inner.filter((each) => !('#text' in each)).map(verbOf),
    text: inner.map((each) => each['#text'] ?? '').join(''),
  }
}
const names = (document: string): string[] => parse(document).map(({ name }) => name)

describe('every document', () => {
  test.each(Object.entries(documents))(
    '%s is well-formed, and short enough to be given by REST, too',
    (_, document) => {
      expect(XMLValidator.validate(document)).toBe(true)
      expect(document).toStartWith('<?xml version="1.0" encoding="UTF-8"?><Response')
      expect(document.length).toBeLessThan(4_000)
    },
  )

  test('but the empty one ends the call, or comes back to us, whatever happens in it', () => {
    for (const [name, document] of Object.entries(documents).filter(([each]) => each !== 'empty')) {
      const last = parse(document).at(-1)
      expect([name, last?.name]).toEqual([name, expect.stringMatching(/^(Hangup|Connect|Redirect)$/)])
      if (last?.name === 'Connect')
        expect(last.attributes.action).toStartWith('https://frontdesk.example/behind/a/prefix/')
    }
    expect(names(twiml.emptyTwiml())).toEqual([])
  })
})

describe('the stream’s document', () => {
  const [connect] = parse(documents.stream ?? '')

  test('dials a wss address without a query, which Twilio would drop, and carries the token beside it', () => {
    const [stream] = connect?.verbs ?? []
    const { url = '' } = stream?.attributes ?? {}
    expect(url).toBe('wss://frontdesk.example/behind/a/prefix/api/twilio/media-stream/opaque')
    expect(new URL(url).search).toBe('')
    expect(stream?.verbs).toMatchObject([{ name: 'Parameter', attributes: { name: 'token', value: 't0ken' } }])
  })

  test('asks for no track: a bidirectional stream may name none but the inbound one', () => {
    expect(connect?.verbs[0]?.attributes.track).toBeUndefined()
  })

  test('says first what must be heard before anything is streamed, as it was written', () => {
    const spokenFirst = 'Calls to "A & B" <clinic> are recorded – ñ, 猫'
    const [say, next] = parse(twiml.streamTwiml(urls, { ...offer, spokenFirst: twiml.inEnglish(spokenFirst) }))
    expect([say?.name, say?.text, next?.name]).toEqual(['Say', spokenFirst, 'Connect'])
  })

  test('each language in a voice of its own: of its region, if there is one; what has none in the usual voice', () => {
    const languages = ['en-GB', 'es', 'es-MX', 'de-CH', 'cy']
    const spoken = languages.map((language) => ({ text: language, language }))
    const says = parse(twiml.farewellTwiml(spoken)).filter(({ name }) => name === 'Say')
    expect(says.map(({ text, attributes }) => [text, attributes.language])).toEqual([
      ['en-GB', undefined],
      ['es', 'es-US'],
      ['es-MX', 'es-MX'],
      ['de-CH', 'de-DE'],
      ['cy', undefined],
    ])
  })

  test('over http, on somebody’s own machine, dials ws', () => {
    expect(twiml.callUrls('http://localhost:3000').stream('x')).toBe('ws://localhost:3000/api/twilio/media-stream/x')
  })
})

test('a tape has an end, and a way on for silence', () => {
  const [say, record, redirect] = parse(documents.voicemail ?? '')
  expect(say?.text).toContain('leave your name, your number and a message')
  expect(record?.attributes).toMatchObject({ maxLength: '120', timeout: '5', finishOnKey: '#', playBeep: 'true' })
  expect(redirect?.text).toBe(urls.resume('silence'))
})

test('where we are asked again says after what, and is read back as it was written', () => {
  const asked: twiml.AfterWhat[] = ['voicemail', 'silence', { stream: 0 }, { stream: 17 }]
  for (const after of asked)
    expect(twiml.parseAfterWhat(new URL(urls.resume(after)).searchParams.get('after'))).toEqual(after)
  for (const odd of [null, '', 'stream', 'stream-', 'stream--1', 'stream-1e9', 'stream-1234', 'Voicemail'])
    expect([odd, twiml.parseAfterWhat(odd)]).toEqual([odd, null])
})
