// The media socket of a call, on the virtual clock: every message and counter, marks, clear, barge-in, and how it ends.
import { describe, expect, test } from 'bun:test'
import type { CallerStep } from '../../sim/script.ts'
import {
  base64,
  CONNECT,
  createVirtualRig,
  FROM,
  HOST,
  hangUpAfter,
  NUMBER,
  place,
  type Socket,
  type StreamFrame,
  tone,
} from './carrier-rig.ts'

describe('the media stream', () => {
  const counters = (socket: Socket | undefined) =>
    socket?.frames.map(({ event, sequenceNumber }) => ({ event, sequenceNumber }))

  test('begins with connected and start, numbers everything with strings, and ends with stop and a close without status', async () => {
    const page = `<Connect><Stream url="wss://${HOST}/media/x?lost=1"><Parameter name="token" value="t"/></Stream></Connect>`
    const { record, server } = await place({ '/voice': page }, [
      { on: 'answered', waitMs: 50, act: 'press', digits: '5' },
      hangUpAfter(100),
    ])
    const [socket] = server.sockets
    expect(counters(socket)).toEqual([
      { event: 'connected', sequenceNumber: undefined },
      { event: 'start', sequenceNumber: '1' },
      ...['2', '3', '4', '5'].map((sequenceNumber) => ({ event: 'media', sequenceNumber })),
      { event: 'dtmf', sequenceNumber: '6' },
      { event: 'media', sequenceNumber: '7' },
      { event: 'stop', sequenceNumber: '8' },
    ])
    const { accountSid, callSid } = record
    const streamSid = record.streams[0]?.streamSid ?? ''
    expect(socket?.frames.find(({ event }) => event === 'dtmf')).toEqual({
      event: 'dtmf',
      sequenceNumber: '6',
      streamSid,
      dtmf: { track: 'inbound_track', digit: '5' },
    })
    expect(socket?.frames.slice(0, 3)).toEqual([
      { event: 'connected', protocol: 'Call', version: '1.0.0' },
      {
        event: 'start',
        sequenceNumber: '1',
        streamSid,
        start: {
          accountSid,
          streamSid,
          callSid,
          tracks: ['inbound'],
          mediaFormat: { encoding: 'audio/x-mulaw', sampleRate: 8000, channels: 1 },
          customParameters: { token: 't' },
        },
      },
      {
        event: 'media',
        sequenceNumber: '2',
        streamSid,
        media: { track: 'inbound', chunk: '1', timestamp: '0', payload: base64(new Uint8Array(160).fill(0xff)) },
      },
    ])
    expect(socket?.frames.at(-2)).toEqual({
      event: 'media',
      sequenceNumber: '7',
      streamSid,
      media: expect.objectContaining({ chunk: '5', timestamp: '80' }),
    })
    expect(socket?.frames.at(-1)).toEqual({
      event: 'stop',
      sequenceNumber: '8',
      streamSid,
      stop: { accountSid, callSid },
    })
    expect(socket?.closes).toMatchObject([{ code: 1005 }])
    expect(record.streams[0]).toMatchObject({ endedBy: 'caller', url: `wss://${HOST}/media/x` })
    expect(record.problems).toMatchObject([{ text: expect.stringContaining('query string') }])
  })

  test('carries every byte that the caller says, in frames of 160 at 20 ms', async () => {
    const audio = tone(500).subarray(0, 3999)
    const caller: CallerStep[] = [
      { on: 'answered', waitMs: 100, act: 'say', words: '…', audio },
      { on: 'said', waitMs: 100, act: 'hang-up' },
    ]
    const { record } = await place({ '/voice': CONNECT }, caller)
    const sent = record.streams[0]?.sent ?? []
    const start = sent[0]?.atMs ?? 0
    expect(sent.map(({ atMs }) => atMs - start)).toEqual(sent.map((_, at) => 20 * at))
    const bytes = Buffer.concat(sent.map((frame) => frame.bytes))
    expect(bytes.subarray(800, 800 + audio.length).equals(Buffer.from(audio))).toBe(true)
    expect(bytes.subarray(800 + audio.length).every((byte) => byte === 0xff)).toBe(true)
  })

  /** A server that says 1 s with a mark, and another 1 s with a mark; `then` gets every frame of the caller. */
  const greets = (then: (frame: StreamFrame, socket: Socket, streamSid: string) => void = () => {}) => {
    let streamSid = ''
    return (frame: StreamFrame, socket: Socket) => {
      if (frame.event === 'start') {
        streamSid = frame.streamSid ?? ''
        for (const name of ['one', 'two']) {
          socket.line.send(JSON.stringify({ event: 'media', streamSid, media: { payload: base64(tone(1000)) } }))
          socket.line.send(JSON.stringify({ event: 'mark', streamSid, mark: { name } }))
        }
      }
      then(frame, socket, streamSid)
    }
  }

  test('gives marks back when their audio has been heard', async () => {
    const { record } = await place({ '/voice': CONNECT }, [hangUpAfter(3000)], { hear: greets() })
    const [stream] = record.streams
    const start = stream?.startedAtMs ?? 0
    expect(
      stream?.marks.map(({ name, atByte, returnedAtMs, wasCleared }) => [
        name,
        atByte,
        (returnedAtMs ?? 0) - start,
        wasCleared,
      ]),
    ).toEqual([
      ['one', 8000, 1000, false],
      ['two', 16_000, 2000, false],
    ])
    expect(stream?.played).toEqual([{ atMs: start, fromByte: 0, toByte: 16_000 }])
  })

  test('a caller who barges in is heard; clear cuts at what was heard, and gives the marks back at once', async () => {
    let isCleared = false
    const hear = greets((frame, { line }, streamSid) => {
      const isLoud =
        frame.event === 'media' && JSON.stringify(frame).includes(base64(tone(500).subarray(0, 159)).slice(0, 40))
      if (isLoud && !isCleared) {
        isCleared = true
        line.send(JSON.stringify({ event: 'clear', streamSid }))
      }
    })
    const caller: CallerStep[] = [
      { on: 'agent-speaking', heardMs: 600, waitMs: 0, act: 'say', words: 'Wait', audio: tone(500) },
      { on: 'said', waitMs: 0, act: 'hang-up' },
    ]
    const { record } = await place({ '/voice': CONNECT }, caller, { hear })
    const [stream] = record.streams
    const start = stream?.startedAtMs ?? 0
    expect(stream?.played).toEqual([{ atMs: start, fromByte: 0, toByte: 4800 }])
    expect(stream?.cleared).toEqual([{ atMs: start + 600, fromByte: 4800, toByte: 16_000 }])
    expect(stream?.marks).toMatchObject([
      { wasCleared: true, returnedAtMs: start + 600 },
      { wasCleared: true, returnedAtMs: start + 600 },
    ])
  })

  test('a mark after an odd number of bytes comes back in the first whole millisecond after them', async () => {
    const hear = (frame: StreamFrame, { line }: Socket) => {
      if (frame.event !== 'start') return
      const { streamSid } = frame
      line.send(JSON.stringify({ event: 'media', streamSid, media: { payload: base64(tone(201).subarray(0, 1601)) } }))
      line.send(JSON.stringify({ event: 'mark', streamSid, mark: { name: 'odd' } }))
    }
    const { record } = await place({ '/voice': CONNECT }, [hangUpAfter(500)], { hear })
    const [stream] = record.streams
    expect((stream?.marks[0]?.returnedAtMs ?? 0) - (stream?.startedAtMs ?? 0)).toBe(201)
  })

  test('what was cleared before it sounded is never heard', async () => {
    const hear = (frame: StreamFrame, { line }: Socket) => {
      if (frame.sequenceNumber !== '5') return
      const { streamSid } = frame
      line.send(JSON.stringify({ event: 'media', streamSid, media: { payload: base64(tone(1000)) } }))
      line.send(JSON.stringify({ event: 'clear', streamSid }))
    }
    const caller: CallerStep[] = [{ on: 'agent-finished', waitMs: 0, act: 'hang-up' }]
    const { record, trace } = await place({ '/voice': CONNECT }, caller, { hear })
    expect(record.streams[0]?.played).toEqual([])
    expect(trace.entries.some(({ what }) => what === 'gave up')).toBe(true)
  })

  test('a caller who hangs up during the handshake leaves a socket that is closed at once', async () => {
    const rig = createVirtualRig({ '/voice': CONNECT })
    const { upgrade } = rig.server
    rig.server.upgrade = async (request) => {
      await new Promise<void>((resolve) => rig.clock.after(1000, resolve))
      return upgrade?.(request) ?? { refuse: new Response(null, { status: 500 }) }
    }
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(500)] })
    const record = await rig.clock.run(call.done)
    await rig.clock.run(new Promise<void>((resolve) => rig.clock.after(2000, resolve)))
    expect(record).toMatchObject({ problems: [], streams: [{ startedAtMs: null, endedBy: 'caller' }] })
    expect(rig.server.sockets).toMatchObject([{ frames: [], closes: [{ code: 1005 }] }])
  })

  test('the server closing the socket is 31921, and the action is asked; its document ends the call', async () => {
    const hear = greets((frame, { line }) => frame.event === 'mark' && line.close(1000))
    const { record, server } = await place({ '/voice': CONNECT, '/after': '<Say>Goodbye</Say>' }, [], { hear })
    expect(server.of('/after')[0]?.form).toMatchObject({ CallStatus: 'in-progress' })
    expect(record.problems).toMatchObject([{ code: 31921 }])
    expect(record.said).toMatchObject([{ text: 'Goodbye' }])
    expect(record.streams[0]).toMatchObject({ endedBy: 'server' })
    // The mark `two` never came back, and the audio before it was never heard.
    expect(record.streams[0]?.marks[1]).toMatchObject({ returnedAtMs: null })
    expect(record.endedBy).toBe('server')
  })

  test('without an action the next verb follows a closed socket', async () => {
    const page = `<Connect><Stream url="/media/y"/></Connect><Say>Still here</Say>`
    const hear = greets((frame, { line }) => frame.event === 'mark' && line.close())
    const { record } = await place({ '/voice': page }, [], { hear })
    expect(record.streams[0]?.url).toBe(`wss://${HOST}/media/y`)
    expect(record.said).toMatchObject([{ text: 'Still here' }])
  })

  test('a caller who hangs up leaves the action to be asked in vain', async () => {
    const { record, server } = await place({ '/voice': CONNECT, '/after': CONNECT }, [hangUpAfter(500)])
    expect(server.of('/after')[0]?.form).toMatchObject({ CallStatus: 'completed' })
    expect(record.streams).toHaveLength(1)
  })

  test.each([
    ['refused', `wss://${HOST}/elsewhere`, '', 31920],
    ['no such host', 'wss://nobody.example/media', '', 31902],
    ['another scheme', `https://${HOST}/media`, '', 31922],
    ['no URL', '', '', 31923],
    ['another track', `wss://${HOST}/media`, 'track="both_tracks"', 31941],
  ])('a stream that cannot be had (%s) is logged, and the call goes on', async (_, url, more, code) => {
    const { record, server } = await place(
      {
        '/voice': `<Connect action="/after"><Stream url="${url}" ${more} statusCallback="https://${HOST}/stream"/></Connect>`,
        '/after': '<Say>Sorry</Say>',
      },
      [],
    )
    expect(record.problems).toMatchObject([{ code }])
    expect(record.said).toMatchObject([{ text: 'Sorry' }])
    expect(server.of('/stream').map(({ form }) => form.StreamEvent)).toEqual(['stream-error'])
  })

  test('a handshake that takes too long is given up, and the socket that comes later is closed', async () => {
    const rig = createVirtualRig({ '/voice': CONNECT, '/after': '<Hangup/>' })
    const { upgrade } = rig.server
    rig.server.upgrade = async (request) => {
      await new Promise<void>((resolve) => rig.clock.after(12_000, resolve))
      return upgrade?.(request) ?? { refuse: new Response(null, { status: 500 }) }
    }
    const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] })
    const record = await rig.clock.run(call.done)
    expect(record.problems).toMatchObject([{ code: 31901 }])
    expect((record.streams[0]?.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(10_000)
    await rig.clock.run(new Promise<void>((resolve) => rig.clock.after(12_000, resolve)))
    expect(rig.server.sockets.map(({ closes }) => closes.length)).toEqual([1])
  })

  test('the handshake can be signed with a slash at the end, as Twilio is said to do at times', async () => {
    const options = { settings: { signsSocketWithSlash: true } }
    const { record } = await place({ '/voice': CONNECT, '/after': '<Hangup/>' }, [], options)
    // The small server knows the other form only.
    expect(record.problems).toMatchObject([{ code: 31920 }])
  })

  test('stream callbacks tell of its beginning and its end', async () => {
    const page = `<Connect><Stream name="main" url="wss://${HOST}/media/x" statusCallback="https://${HOST}/stream"/></Connect>`
    const { server, record } = await place({ '/voice': page }, [hangUpAfter(500)])
    expect(server.of('/stream').map(({ form }) => form)).toMatchObject([
      {
        StreamEvent: 'stream-started',
        StreamName: 'main',
        StreamSid: record.streams[0]?.streamSid,
        Timestamp: '2026-11-24T04:00:00.000Z',
      },
      { StreamEvent: 'stream-stopped', Timestamp: '2026-11-24T04:00:00.500Z' },
    ])
    expect(server.of('/stream')[0]?.form).not.toHaveProperty('CallStatus')
  })

  test.each([
    ['no JSON', () => '{'],
    ['an unknown event', (streamSid: string) => JSON.stringify({ event: 'dance', streamSid })],
    ['an additional field', (streamSid: string) => JSON.stringify({ event: 'clear', streamSid, why: 'x' })],
    [
      'an additional field of media',
      (streamSid: string) =>
        JSON.stringify({ event: 'media', streamSid, media: { payload: '/w==', track: 'outbound' } }),
    ],
    ['a missing field', (streamSid: string) => JSON.stringify({ event: 'mark', streamSid })],
    ['another stream', () => JSON.stringify({ event: 'clear', streamSid: `MZ${'0'.repeat(32)}` })],
    ['no base64', (streamSid: string) => JSON.stringify({ event: 'media', streamSid, media: { payload: '?' } })],
  ])('%s is refused with 31951, once, and the stream goes on', async (_, bad) => {
    const hear = (frame: StreamFrame, { line }: Socket) => {
      if (frame.event !== 'start') return
      line.send(bad(frame.streamSid ?? ''))
      line.send(bad(frame.streamSid ?? ''))
      line.send(JSON.stringify({ event: 'mark', streamSid: frame.streamSid, mark: { name: 'after' } }))
    }
    const { record } = await place({ '/voice': CONNECT }, [hangUpAfter(200)], { hear })
    expect(record.problems).toMatchObject([{ code: 31951 }])
    expect(record.streams[0]?.received).toHaveLength(0)
    expect(record.streams[0]?.marks).toMatchObject([{ name: 'after', wasCleared: false }])
  })

  test('more than ten minutes waiting are thrown away, with 31931 once', async () => {
    const hear = (frame: StreamFrame, { line }: Socket) => {
      if (frame.event !== 'start') return
      const payload = base64(new Uint8Array(3 * 60 * 8000).fill(0xff))
      for (let part = 0; part < 6; part++)
        line.send(JSON.stringify({ event: 'media', streamSid: frame.streamSid, media: { payload } }))
    }
    const { record } = await place({ '/voice': CONNECT }, [hangUpAfter(200)], { hear })
    expect(record.problems).toMatchObject([{ code: 31931 }])
    expect(record.streams[0]?.received).toHaveLength(3 * 3 * 60 * 8000)
  })

  test.each([1000, 1001, undefined])('a socket that the server means to close is told as stopped: %p', async (code) => {
    const page = `<Connect><Stream url="wss://${HOST}/media/x" statusCallback="https://${HOST}/stream"/></Connect>`
    const { server } = await place({ '/voice': page }, [], {
      hear: greets((frame, { line }) => frame.event === 'mark' && line.close(code)),
    })
    expect(server.of('/stream').map(({ form }) => form.StreamEvent)).toEqual(['stream-started', 'stream-stopped'])
  })

  test('a cut socket is told as an error, and the call goes on', async () => {
    const page = `<Connect><Stream url="wss://${HOST}/media/x" statusCallback="https://${HOST}/stream"/></Connect><Say>Back</Say>`
    const { record, server } = await place({ '/voice': page }, [], {
      hear: greets((frame, { line }) => frame.event === 'mark' && line.cut()),
    })
    expect(server.of('/stream').map(({ form }) => form.StreamEvent)).toEqual(['stream-started', 'stream-error'])
    expect(record.said).toMatchObject([{ text: 'Back' }])
  })
})
