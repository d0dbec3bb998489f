// The fast lane: a message of the usual shape is spliced, any other is parsed in full, and nobody can tell which it was.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  appendMessage,
  audioBytes,
  audioOfDelta,
  audioOfMedia,
  clearMessage,
  play,
  silence,
  spliceDelta,
  spliceMark,
  spliceMedia,
} from '../../src/bridge/audio.ts'
import { readTwilioFrame } from '../../src/wire/media.ts'
import { readModelEvent } from '../../src/wire/realtime.ts'

const sid = `MZ${'0123456789abcdef'.repeat(2)}`
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37) & 255)
const encoded = (length: number) => Buffer.from(bytes(length)).toString('base64')

const parsedMedia = (message: string) => {
  const frame = readTwilioFrame(message)
  return frame?.event === 'media' ? audioOfMedia(frame) : null
}
const parsedDelta = (message: string) => {
  const read = readModelEvent(message)
  return read.is === 'event' && read.event.type === 'response.output_audio.delta' ? audioOfDelta(read.event) : null
}

const media = (payload: string, timestamp = '40') => ({ track: 'inbound', chunk: '2', timestamp, payload })
const frame = (payload = encoded(160)) => ({
  event: 'media',
  sequenceNumber: '3',
  media: media(payload),
  streamSid: sid,
})
const delta = (payload = encoded(400)) => ({
  type: 'response.output_audio.delta',
  event_id: 'event_1',
  response_id: 'resp_1',
  item_id: 'item_1',
  output_index: 0,
  content_index: 0,
  delta: payload,
})

/** One of these values; now and then anything else. */
const usually = (...values: string[]) => {
  const odd = fc.constantFrom('inbound', 'outbound', '40', '', '\\', '"', 'é', '\n', 'AA=', 'AA==AAAA')
  return fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom(...values) },
    { weight: 1, arbitrary: fc.oneof(odd, fc.string({ maxLength: 6 }), fc.base64String({ maxLength: 24 })) },
  )
}

/** Leaves a message as it is, or takes out, doubles or replaces one character of it. */
const damage = fc.oneof(
  fc.constant((message: string) => message),
  fc
    .tuple(fc.nat(), fc.constantFrom('', '"', '\\', ' ', '0', ',', '}', '\n'))
    .map(([n, other]) => (message: string) => {
      const at = n % message.length
      return message.slice(0, at) + other + message.slice(at + (n % 2))
    }),
)

describe("the caller's frames", () => {
  const { event, sequenceNumber, media: inner, streamSid } = frame()
  const usual = [
    { event, sequenceNumber, media: inner, streamSid },
    { event, sequenceNumber, streamSid, media: inner },
  ]

  test('of the usual shape, in both orders that Twilio documents, are spliced without parsing', () => {
    for (const message of usual.map((order) => JSON.stringify(order))) {
      expect(spliceMedia(message)).toEqual({ timestampMs: 40, payload: encoded(160) })
      expect(spliceMedia(message)).toEqual(parsedMedia(message))
    }
  })

  test.each([
    ['keys in another order', { streamSid, media: inner, sequenceNumber, event }],
    [
      'keys of the media in another order',
      {
        event,
        sequenceNumber,
        media: { payload: inner.payload, timestamp: '40', chunk: '2', track: 'inbound' },
        streamSid,
      },
    ],
    ['a key that is new', { event, sequenceNumber, media: inner, streamSid, color: 'blue' }],
    ['a key that is missing', { event, media: { timestamp: '40', payload: encoded(160) }, streamSid }],
  ])('with %s are parsed in full, with the same result', (_, unusual) => {
    const message = JSON.stringify(unusual)
    expect(spliceMedia(message)).toBeNull()
    expect(parsedMedia(message)).toEqual({ timestampMs: 40, payload: encoded(160) })
  })

  test('with spaces or escapes are parsed in full, with the same result', () => {
    const spaced = JSON.stringify(usual[0], null, 1)
    const escaped = JSON.stringify(usual[0]).replace('inbound', 'in\\u0062ound')
    const slashes = JSON.stringify(frame('////')).replace('////', '\\/\\/\\/\\/')
    for (const message of [spaced, escaped, slashes]) expect(spliceMedia(message)).toBeNull()
    expect(parsedMedia(spaced)).toEqual({ timestampMs: 40, payload: encoded(160) })
    expect(parsedMedia(escaped)).toEqual({ timestampMs: 40, payload: encoded(160) })
    expect(parsedMedia(slashes)).toEqual({ timestampMs: 40, payload: '////' })
  })

  test('that only look like it inside another field are not taken for audio', () => {
    const bait = JSON.stringify(usual[0])
    const mark = JSON.stringify({ event: 'mark', sequenceNumber: '3', streamSid: sid, mark: { name: bait } })
    const dressed = JSON.stringify({ ...frame(), media: { ...inner, payload: `"}},${bait}` } })
    for (const message of [mark, dressed, `${bait}${bait}`, ` ${bait}`, bait.slice(0, -1), '']) {
      expect(spliceMedia(message)).toBeNull()
      expect(parsedMedia(message)).toEqual(message === ` ${bait}` ? { timestampMs: 40, payload: encoded(160) } : null)
    }
  })

  test('of our own voice, with no audio, or with what is no base64, are nothing', () => {
    const outbound = { ...frame(), media: { ...inner, track: 'outbound' } }
    for (const unusable of [outbound, frame(''), frame('abc'), frame('????'), frame('AA==AAAA')]) {
      const message = JSON.stringify(unusable)
      expect(spliceMedia(message)).toBeNull()
      expect(parsedMedia(message)).toBeNull()
    }
  })

  test('whatever they are: where the fast lane takes one, the full parse finds the same', () => {
    const anyMedia = fc.record(
      {
        track: usually('inbound'),
        chunk: usually('2'),
        timestamp: usually('40', '0', '040'),
        payload: usually('AAAA', '/w=='),
      },
      { requiredKeys: ['timestamp', 'payload'] },
    )
    const anyFrame = fc.oneof(
      fc.record({ event: usually('media'), sequenceNumber: usually('3'), media: anyMedia, streamSid: usually(sid) }),
      fc.record({ event: usually('media'), sequenceNumber: usually('3'), streamSid: usually(sid), media: anyMedia }),
    )
    let spliced = 0
    fc.assert(
      fc.property(anyFrame, damage, (value, hit) => {
        const message = hit(JSON.stringify(value))
        const fast = spliceMedia(message)
        if (fast === null) return
        spliced++
        expect(parsedMedia(message)).toEqual(fast)
      }),
      { numRuns: 8_000 },
    )
    expect(spliced).toBeGreaterThan(100)
  })
})

describe('marks that come back', () => {
  const usual = JSON.stringify({ event: 'mark', sequenceNumber: '4', streamSid: sid, mark: { name: '2.7.4800' } })
  const parsed = (message: string) => {
    const frame = readTwilioFrame(message)
    return frame?.event === 'mark' ? frame.mark.name : null
  }

  test('of the usual shape are spliced without parsing', () => {
    expect(spliceMark(usual)).toBe('2.7.4800')
  })

  test('that are not ours, or spelled in another way, are left to the parser', () => {
    for (const message of [usual.replace('2.7.4800', 'beep'), usual.replace(':', ': '), `${usual} `])
      expect(spliceMark(message)).toBeNull()
  })

  test('whatever they are: where the fast lane takes one, the full parse finds the same', () => {
    fc.assert(
      fc.property(usually('2.7.4800', '0.0.1'), damage, (name, damaged) => {
        const message = damaged(usual.replace('2.7.4800', JSON.stringify(name).slice(1, -1)))
        const fast = spliceMark(message)
        if (fast !== null) expect(fast).toBe(parsed(message) ?? '')
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("the agent's deltas", () => {
  const { type, event_id, ...rest } = delta()
  const found = { responseId: 'resp_1', itemId: 'item_1', contentIndex: 0, payload: encoded(400) }

  test('of the usual shape, type or event id first, are spliced without parsing', () => {
    for (const message of [
      { type, event_id, ...rest },
      { event_id, type, ...rest },
    ].map((order) => JSON.stringify(order))) {
      expect(spliceDelta(message)).toEqual(found)
      expect(parsedDelta(message)).toEqual(found)
    }
  })

  test('of any other shape are parsed in full, with the same result', () => {
    const reordered = JSON.stringify({ ...rest, type, event_id })
    const spaced = JSON.stringify(delta(), null, 2)
    const extended = JSON.stringify({ ...delta(), obfuscation: 'x' })
    for (const message of [reordered, spaced, extended]) {
      expect(spliceDelta(message)).toBeNull()
      expect(parsedDelta(message)).toEqual(found)
    }
  })

  test('a transcript that quotes one is no audio', () => {
    const message = JSON.stringify({
      ...delta(),
      type: 'response.output_audio_transcript.delta',
      delta: JSON.stringify(delta()),
    })
    expect(spliceDelta(message)).toBeNull()
    expect(parsedDelta(message)).toBeNull()
  })

  test('whatever they are: where the fast lane takes one, the full parse finds the same', () => {
    const anyDelta = fc.record({
      type: usually(type),
      event_id: usually('event_1'),
      response_id: usually('resp_1'),
      item_id: usually('item_1', 'a-b'),
      output_index: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 3 }) }, fc.double(), fc.integer()),
      content_index: fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 3 }) }, fc.double(), fc.integer()),
      delta: usually('AAAA', '/w=='),
    })
    let spliced = 0
    fc.assert(
      fc.property(anyDelta, damage, (value, hit) => {
        const message = hit(JSON.stringify(value))
        const fast = spliceDelta(message)
        if (fast === null) return
        spliced++
        expect(parsedDelta(message)).toEqual(fast)
      }),
      { numRuns: 8_000 },
    )
    expect(spliced).toBeGreaterThan(100)
  })
})

describe('what is written', () => {
  test('the length of audio is known without decoding it', () => {
    for (let length = 1; length < 500; length++) expect(audioBytes(encoded(length))).toBe(length)
  })

  test('an append carries the very text that Twilio sent', () => {
    expect(JSON.parse(appendMessage(encoded(160)))).toEqual({ type: 'input_audio_buffer.append', audio: encoded(160) })
  })

  test('silence is 0xFF, for as long as asked', () => {
    for (const ms of [1, 20, 33, 125, 1_000]) {
      expect([...Buffer.from(silence(ms), 'base64')]).toEqual(Array.from({ length: ms * 8 }, () => 255))
    }
  })

  test('the caller gets every byte in order, and in equal pieces, each with a mark that names how much went before it: at least every 240 ms', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20_000 }), fc.nat({ max: 100_000 }), (length, fromByte) => {
        const written: string[] = []
        const taken = play(
          sid,
          encoded(length),
          { generation: 2, part: 7, fromByte },
          (message) => written.push(message) > 0,
        )
        expect(taken).toBe(true)
        const heard: Buffer[] = []
        for (const message of written.map((text) => JSON.parse(text))) {
          if (message.event === 'media') {
            expect(message).toEqual({ event: 'media', streamSid: sid, media: { payload: expect.any(String) } })
            heard.push(Buffer.from(message.media.payload, 'base64'))
            expect(heard.at(-1)?.length).toBeLessThanOrEqual(1_920)
          } else {
            const soFar = heard.reduce((sum, piece) => sum + piece.length, 0)
            expect(message).toEqual({ event: 'mark', streamSid: sid, mark: { name: `2.7.${fromByte + soFar}` } })
          }
        }
        expect(JSON.parse(written.at(-1) ?? '{}').event).toBe('mark')
        const [first, ...others] = heard.map((piece) => piece.length)
        const last = others.pop() ?? first
        expect(others.filter((each) => each !== first)).toEqual([])
        expect((first ?? 0) - (last ?? 0)).toBeLessThan(3 * heard.length)
        expect(Buffer.concat(heard).equals(Buffer.from(bytes(length)))).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  test('a carrier that takes no more is not written to any more', () => {
    let count = 0
    expect(play(sid, encoded(8_000), { generation: 0, part: 0, fromByte: 0 }, () => ++count < 3)).toBe(false)
    expect(count).toBe(3)
  })

  test('clear has no field but those that Twilio knows', () => {
    expect(JSON.parse(clearMessage(sid))).toEqual({ event: 'clear', streamSid: sid })
  })
})
