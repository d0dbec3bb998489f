// Where media streams come in: who is let in, who is not, and with which close code.
import { afterEach, describe, expect, test } from 'bun:test'
import { lineLimits } from '../../src/bridge/limits.ts'
import { callSid, stage, streamSid } from './bridge-peers.ts'

let open: Awaited<ReturnType<typeof stage>> | undefined
const set = async (options: Parameters<typeof stage>[0] = {}) => (open = await stage(options))
afterEach(async () => {
  await open?.close()
  open = undefined
})

const audio = (length: number, value: number) => Buffer.alloc(length, value).toString('base64')
/** A stream whose token is being checked, until `letIn`. */
async function atTheDoor() {
  const scene = await set()
  const answer = Promise.withResolvers<typeof scene.plan>()
  const checking = Promise.withResolvers<void>()
  scene.house.redeem = () => {
    checking.resolve()
    return answer.promise
  }
  const stream = await scene.dial()
  stream.start()
  await checking.promise
  return { ...scene, stream, letIn: () => answer.resolve(scene.plan) }
}

describe('who may stream', () => {
  test('nobody without a start in time', async () => {
    const { dial, clock } = await set()
    const stream = await dial()
    stream.send({ event: 'connected', protocol: 'Call', version: '1.0.0' })
    stream.frame(audio(160, 1))
    await Promise.resolve()
    clock.advance(lineLimits.startMs)
    expect(await stream.received.closed()).toMatchObject({ code: 1008, reason: 'no start' })
  })

  test('nobody with a token that is not good', async () => {
    const { dial, model } = await set()
    const stream = await dial()
    stream.start('stolen')
    expect(await stream.received.closed()).toMatchObject({ code: 1008, reason: 'token refused' })
    expect(model.peers).toHaveLength(0)
  })

  test('nobody twice on one socket', async () => {
    const { live, journal } = await set()
    const { stream } = await live()
    stream.start()
    expect(await stream.received.closed()).toMatchObject({ code: 1008, reason: 'second start' })
    expect(journal.facts).toContainEqual({ kind: 'stream.ended', streamSid, reason: 'broken' })
  })

  test('nobody with anything but telephone audio', async () => {
    const { dial } = await set()
    const stream = await dial()
    const mediaFormat = { encoding: 'audio/l16', sampleRate: 16_000, channels: 1 }
    const start = { accountSid: 'AC', streamSid, callSid, mediaFormat, customParameters: { token: 'token' } }
    stream.send({ event: 'start', sequenceNumber: '1', streamSid, start })
    expect(await stream.received.closed()).toMatchObject({ code: 1008, reason: 'not telephone audio' })
  })

  test.each(['throws', 'takes too long'])(
    'a token that cannot be checked (%s) closes the stream as our fault',
    async (how) => {
      const { dial, house, clock } = await set()
      const checking = Promise.withResolvers<void>()
      house.redeem = () => {
        checking.resolve()
        return how === 'throws' ? Promise.reject(new Error('no database')) : new Promise(() => {})
      }
      const stream = await dial()
      stream.start()
      await checking.promise
      if (how !== 'throws') clock.advance(lineLimits.redeemMs)
      expect(await stream.received.closed()).toMatchObject({ code: 1011 })
    },
  )

  test('a caller who hangs up while the token is checked is in the ledger all the same', async () => {
    const { stream, letIn, journal } = await atTheDoor()
    stream.stop()
    stream.hangUp()
    await stream.received.closed()
    letIn()
    await journal.has('transcript.settled')
    expect(journal.facts.map(({ kind }) => kind)).toEqual(['stream.started', 'stream.ended', 'transcript.settled'])
  })

  test('nobody whose token is still checked when the server drains: nobody would wait for their call to end', async () => {
    const { stream, letIn, bridge } = await atTheDoor()
    await bridge.drain(0)
    letIn()
    expect(await stream.received.closed()).toMatchObject({ code: 1012 })
    expect(bridge.liveCalls()).toBe(0)
  })

  test('a newer stream of the same call takes its place', async () => {
    const { live, dial, journal, model } = await set()
    const { session } = await live()
    const second = await dial()
    second.start('token', `MZ${'9'.repeat(32)}`)
    await model.ready(1)
    expect(journal.facts).toContainEqual({ kind: 'stream.ended', streamSid, reason: 'broken' })
    expect(session.received.all.length).toBeGreaterThan(0)
  })

  test('noise on the line is no frame, and harms nothing', async () => {
    const { live } = await set()
    const { stream, session } = await live()
    for (const noise of ['', '{', 'null', '[]', '{"event":"new"}', '{"event":"media"}', '"media"']) stream.raw(noise)
    stream.frame(audio(160, 9))
    expect(await session.received.next('input_audio_buffer.append')).toMatchObject({ audio: audio(160, 9) })
  })
})
