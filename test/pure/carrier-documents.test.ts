// What a server may answer a voice webhook with, by its type: TwiML, words to be said, sound to be played; and nothing else.
import { expect, test } from 'bun:test'
import { writeWav } from '../../sim/audio.ts'
import { place, tone } from './carrier-rig.ts'

const typed = (body: string | Uint8Array<ArrayBuffer>, type: string) =>
  new Response(body, { headers: { 'content-type': type } })

test.each(['text/xml', 'application/xml; charset=utf-8', 'text/html', 'text/plain'])(
  '%s is read as TwiML',
  async (type) => {
    const { record } = await place({ '/voice': typed('<Response><Say>Good morning</Say></Response>', type) }, [])
    expect(record.said).toMatchObject([{ text: 'Good morning' }])
    expect(record.problems).toEqual([])
  },
)

test('plain text that is no TwiML is said, and the call is over', async () => {
  const { record } = await place({ '/voice': typed('Good morning', 'text/plain') }, [])
  expect(record.said).toMatchObject([{ text: 'Good morning' }])
  expect(record).toMatchObject({ status: 'completed', endedBy: 'server', problems: [] })
})

test('sound is played to its end, and the call is over', async () => {
  const wav = new Uint8Array(writeWav([tone(1500)]))
  const { record, server } = await place({ '/voice': typed(wav, 'audio/wav') }, [])
  expect(server.of('/voice').map(({ method }) => method)).toEqual(['POST', 'GET'])
  expect((record.endedAtMs ?? 0) - (record.answeredAtMs ?? 0)).toBe(1500)
  expect(record).toMatchObject({ status: 'completed', endedBy: 'server', problems: [] })
})

test.each(['application/json', 'image/png', ''])(
  'another type is logged with 12300, and ends in an apology: %j',
  async (type) => {
    const { record } = await place({ '/voice': typed(new Uint8Array([123, 125]), type) }, [])
    expect(record.problems).toMatchObject([{ code: 12300 }])
    expect(record.said).toMatchObject([{ text: expect.stringContaining('application error') }])
  },
)
