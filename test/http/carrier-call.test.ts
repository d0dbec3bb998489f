// One whole call over real sockets, in real time.
import { expect, test } from 'bun:test'
import { realClock } from '../../sim/clock.ts'
import { createLoopbackNetwork, listen } from '../../sim/loopback.ts'
import type { CallerStep } from '../../sim/script.ts'
import {
  base64,
  CONNECT,
  createRig,
  createTinyServer,
  FROM,
  HOST,
  NUMBER,
  type StreamFrame,
  tone,
} from '../pure/carrier-rig.ts'

/** Timers and sockets of a busy machine. */
const SLACK_MS = 150

test('a whole call over real sockets in real time: greeting, marks, barge-in, a key, the server closing, the action', async () => {
  const clock = realClock
  let streamSid = ''
  const server = createTinyServer(
    clock,
    { '/voice': CONNECT, '/after': '<Hangup/>' },
    (frame: StreamFrame, { line }) => {
      const send = (message: object) => line.send(JSON.stringify({ ...message, streamSid }))
      switch (frame.event) {
        case 'start':
          streamSid = frame.streamSid ?? ''
          send({ event: 'media', media: { payload: base64(tone(200)) } })
          send({ event: 'mark', mark: { name: 'greeted' } })
          send({ event: 'media', media: { payload: base64(tone(2000)) } })
          send({ event: 'mark', mark: { name: 'never heard' } })
          return
        case 'dtmf':
          return send({ event: 'clear' })
        case 'mark':
          if (JSON.stringify(frame).includes('never heard')) line.close(1000)
      }
    },
  )
  const { origin, stop } = await listen(server)
  const network = createLoopbackNetwork({ hosts: { [HOST]: origin } })
  const { carrier } = createRig({ clock, network }, server)
  const caller: CallerStep[] = [
    { on: 'agent-speaking', heardMs: 400, waitMs: 0, act: 'say', words: 'Stop', audio: tone(100) },
    { on: 'said', waitMs: 0, act: 'press', digits: '7' },
  ]
  const record = await carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller }).done
  await stop()

  const [stream] = record.streams
  const start = stream?.startedAtMs ?? 0
  expect(record).toMatchObject({ status: 'completed', endedBy: 'server', problems: [{ code: 31921 }] })
  expect(server.asked.map(({ path }) => path)).toEqual(['/voice', '/after', '/status'])
  const [greeted, unheard] = stream?.marks ?? []
  expect(greeted).toMatchObject({ atByte: 1600, wasCleared: false })
  expect((greeted?.returnedAtMs ?? 0) - start).toBeGreaterThanOrEqual(200)
  expect((greeted?.returnedAtMs ?? 0) - start).toBeLessThan(200 + SLACK_MS)
  expect(unheard).toMatchObject({ atByte: 17_600, wasCleared: true })
  const heard = stream?.played.at(-1)?.toByte ?? 0
  expect(stream?.cleared).toMatchObject([{ fromByte: heard, toByte: 17_600 }])
  // The caller hears in frames: 400 ms to within one of them, and 100 ms of their own.
  expect(heard / 8).toBeGreaterThanOrEqual(480)
  expect(heard / 8).toBeLessThan(500 + 2 * SLACK_MS)
  expect(stream?.received).toEqual(Buffer.concat([tone(200), tone(2000)]))

  // However late single timers were, there is a frame for every 20 ms, and each byte of the caller's is in it.
  const sent = stream?.sent ?? []
  const lastedMs = (sent.at(-1)?.atMs ?? 0) - (sent[0]?.atMs ?? 0)
  expect(Math.abs(sent.length - 1 - lastedMs / 20)).toBeLessThanOrEqual(SLACK_MS / 20)
  const spoken = Buffer.concat(sent.map(({ bytes }) => bytes))
  expect(spoken.includes(Buffer.from(tone(100)))).toBe(true)
}, 20_000)
