// A session that comes to its end by the clock: the call goes on with another, if possible before, and in a quiet moment.
import { describe, expect, test } from 'bun:test'
import { Scene, streamSid } from './bridge-scene.ts'

describe('a session that ends by the clock', () => {
  const expiresIn = (scene: Scene, ms: number) => {
    const audio = { input: { format: { type: 'audio/pcmu' } }, output: { format: { type: 'audio/pcmu' } } }
    const expires_at = Math.floor((scene.nowMs + ms) / 1000)
    scene.model({ type: 'session.created', session: {} })
    scene.model({ type: 'session.updated', session: { type: 'realtime', audio, expires_at } })
    scene.tell({ on: 'joined', streamSid })
    scene.news()
    return scene
  }
  const unhurried = { limits: { idleMs: 1e9, callMs: 1e9 } }

  test('expires: the call goes on with another', () => {
    const scene = new Scene({ greeting: null }).live()
    scene.model({ type: 'error', error: { type: 'invalid_request_error', code: 'session_expired' } })
    scene.renew()
    expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'session_expired' }])
    expect(scene.factsOf('model.rebuilt')).toHaveLength(1)
  })

  test('is replaced before, in the first quiet moment once it is old', () => {
    const scene = expiresIn(new Scene({ greeting: null, ...unhurried }), 60_000)
    scene.wait(49_000)
    expect(scene.factsOf('model.lost')).toEqual([])
    scene.callerStarts('u1')
    scene.wait(3_000)
    expect(scene.factsOf('model.lost')).toEqual([])
    scene.callerStops('u1')
    scene.hears(scene.says('r1', 'a1', 500, 'Yes.'))
    expect(scene.factsOf('model.lost')).toEqual([])
    scene.transcribed('u1', 'Are you there?')
    expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'old' }])
  })

  test('is replaced at the latest shortly before it expires, whoever speaks', () => {
    const scene = expiresIn(new Scene({ greeting: null, ...unhurried }), 60_000)
    scene.wait(48_000)
    scene.callerStarts('u1')
    scene.wait(8_900)
    expect(scene.factsOf('model.lost')).toEqual([])
    scene.wait(200)
    expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'too old' }])
  })

  test('lasts an hour where it does not say, or says what cannot be', () => {
    for (const ms of [-1e6, 0, 5_000, 1e9]) {
      const scene = expiresIn(new Scene({ greeting: null, ...unhurried }), ms)
      scene.wait(49 * 60_000)
      expect(scene.factsOf('model.lost')).toEqual([])
      scene.wait(2 * 60_000)
      expect(scene.factsOf('model.lost')).toMatchObject([{ reason: 'old' }])
    }
  })
})
