// `<Start>` and `<Stop>`: streams that only listen and recordings in the background, which outlive the document that began them.
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
  type Page,
  place,
  rest,
  tone,
} from './carrier-rig.ts'

const start = (attributes = '', inside = '') =>
  `<Start><Stream url="wss://${HOST}/media/tap" ${attributes}>${inside}</Stream></Start>`
const say = (ms: number): CallerStep => ({ on: 'answered', waitMs: 0, act: 'say', words: 'hello', audio: tone(ms) })
type Media = { media: { track: string; chunk: string; timestamp: string; payload: string } }
const audioOf = (frames: readonly object[], track: string) =>
  Buffer.concat(
    frames.flatMap((frame) => {
      const { media } = frame as Partial<Media>
      return media?.track === track ? [Buffer.from(media.payload, 'base64')] : []
    }),
  )

describe('a stream that was started', () => {
  test('hears the caller while the next verbs go on, with its parameters, and ends with the call', async () => {
    const voice = `${start('name="tap"', '<Parameter name="a" value="1"/>')}<Say>One two three</Say><Pause length="5"/>`
    const { server, record } = await place({ '/voice': voice }, [say(400), hangUpAfter(2000)])
    const [tap] = server.sockets
    expect(tap?.frames[1]).toMatchObject({
      event: 'start',
      start: { tracks: ['inbound'], customParameters: { a: '1' } },
    })
    expect(tap?.frames.at(-1)).toMatchObject({ event: 'stop' })
    expect(audioOf(tap?.frames ?? [], 'inbound').includes(Buffer.from(tone(380)))).toBe(true)
    expect(record.said).toMatchObject([{ text: 'One two three' }])
    expect(record.forks).toMatchObject([{ name: 'tap', endedBy: 'caller', tracks: ['inbound'] }])
    expect([record.streams, record.problems]).toEqual([[], []])
  })

  test('of both tracks hears what the caller hears, too', async () => {
    const wav = new Response(new Uint8Array(tone(1000)), { headers: { 'content-type': 'audio/basic' } })
    const voice = `${start('track="both_tracks"')}<Play>/sound</Play>`
    const { server } = await place({ '/voice': voice, '/sound': wav }, [hangUpAfter(3000)])
    const frames = server.sockets[0]?.frames ?? []
    expect(frames[1]).toMatchObject({ start: { tracks: ['inbound', 'outbound'] } })
    expect(audioOf(frames, 'outbound').includes(Buffer.from(tone(800)))).toBe(true)
    const chunks = frames.flatMap((frame) => (frame as Partial<Media>).media?.chunk ?? [])
    expect(chunks).toEqual(chunks.map((_, index) => String(index + 1)))
  })

  test('gets no keys, and goes on beside a bidirectional stream and into the next document', async () => {
    const pages = { '/voice': `${start()}${CONNECT}`, '/after': '<Say>Still here</Say><Pause length="2"/>' }
    const press: CallerStep = { on: 'answered', waitMs: 500, act: 'press', digits: '5' }
    const { server, record } = await place(pages, [press, hangUpAfter(3000)], {
      hear: ({ event }, { line, frames }) => {
        if (event === 'dtmf' && frames.length > 0) line.close(1000)
      },
    })
    const [tap, both] = server.sockets
    expect(tap?.frames.some(({ event }) => event === 'dtmf')).toBe(false)
    expect(both?.frames.some(({ event }) => event === 'dtmf')).toBe(true)
    expect(record.said).toMatchObject([{ text: 'Still here' }])
    expect(record.forks).toMatchObject([{ endedBy: 'caller' }])
  })

  test('is stopped by its name, and its callbacks say when', async () => {
    const callback = `name="tap" statusCallback="https://${HOST}/tapped"`
    const voice = `${start(callback)}<Pause length="1"/><Stop><Stream name="tap"/></Stop><Say>On</Say>`
    const { server, record } = await place({ '/voice': voice }, [])
    expect(server.of('/tapped').map(({ form }) => [form.StreamEvent, form.StreamName])).toEqual([
      ['stream-started', 'tap'],
      ['stream-stopped', 'tap'],
    ])
    expect(record.forks).toMatchObject([{ endedBy: 'server', frames: 50 }])
    expect(record.said).toMatchObject([{ text: 'On' }])
  })

  test.each<[what: string, voice: string, codes: number[]]>([
    ['speaking on it', `${start()}<Pause length="1"/>`, [31924]],
    [
      'more tracks than there is room for',
      `${start('track="both_tracks"').repeat(2)}${start()}<Pause length="1"/>`,
      [31941],
    ],
    ['a plain socket', start().replace('wss:', 'ws:'), [31922]],
    ['a socket that is refused', start().replace('/media', '/nothing'), [31920]],
  ])('%s is logged, and the call goes on', async (what, voice, codes) => {
    const speaks = what === 'speaking on it'
    const { record } = await place({ '/voice': `${voice}<Say>On</Say>` }, [], {
      hear: ({ event, streamSid }, { line }) => {
        const media = { payload: base64(tone(20)) }
        if (speaks && event === 'start') line.send(JSON.stringify({ event: 'media', streamSid, media }))
      },
    })
    expect(record.problems.map(({ code }) => code)).toEqual(codes)
    expect(record.said).toMatchObject([{ text: 'On' }])
  })

  test('by REST is started on a live call and stopped by its SID', async () => {
    const pages: Record<string, Page> = { '/voice': '<Pause length="5"/>' }
    const rig = createVirtualRig(pages)
    const placed = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(4000)] })
    const path = `/Calls/${placed.callSid}/Streams`
    const at = (ms: number) => new Promise<void>((resolve) => rig.clock.after(ms, resolve))
    const url = `wss://${HOST}/media/rest`
    const order = { Url: url, Name: 'tap', 'Parameter1.Name': 'a', 'Parameter1.Value': '1' }
    const run = async () => {
      await at(1000)
      const begun = await rest(rig, `${path}.json`, order)
      await at(1000)
      const stopped = await rest(rig, `${path}/${begun.json.sid}.json`, { Status: 'stopped' })
      return [begun, stopped, await placed.done] as const
    }
    const [begun, stopped, record] = await rig.clock.run(run())
    expect(begun).toMatchObject({ status: 201, json: { name: 'tap', status: 'in-progress', call_sid: placed.callSid } })
    expect(stopped).toMatchObject({ status: 200, json: { status: 'stopped' } })
    expect(record.forks).toMatchObject([{ endedBy: 'server', frames: 50 }])
    expect(await rest(rig, `${path}.json`, order)).toMatchObject({ status: 400, json: { code: 21220 } })
  })
})

describe('a recording that was started', () => {
  test('goes on while the document does, and is told of when it is kept', async () => {
    const callback = `recordingStatusCallback="https://${HOST}/kept" recordingStatusCallbackEvent="in-progress completed"`
    const voice = `<Start><Recording channels="dual" ${callback}/></Start><Say>One</Say><Pause length="5"/>`
    const { server, record } = await place({ '/voice': voice }, [say(400), hangUpAfter(2000)])
    expect(server.of('/kept').map(({ form }) => [form.RecordingStatus, form.RecordingChannels])).toEqual([
      ['in-progress', '2'],
      ['completed', '2'],
    ])
    expect(record.recordings).toMatchObject([{ status: 'completed', channels: 2, durationMs: 2000 }])
  })
})

test.each(['<Start/>', '<Start><Siprec/></Start>', '<Stop/>', '<Stop><Stream/></Stop>'])(
  '%s is warned of',
  async (verb) => {
    const { record } = await place({ '/voice': `${verb}<Say>On</Say>` }, [])
    expect(record.problems.map(({ code }) => code)).toContain(12200)
    expect(record.said).toMatchObject([{ text: 'On' }])
  },
)
