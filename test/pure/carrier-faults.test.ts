// What goes wrong at the carrier when it is asked to, as the API and the callbacks tell of it.
import { describe, expect, test } from 'bun:test'
import { type CarrierFaults, carrierFaults, settingsWith } from '../../sim/carrier/faults.ts'
import { createVirtualRig, FROM, HOST, NUMBER, place, rest } from './carrier-rig.ts'

const settingsOf = (faults: object) => settingsWith(carrierFaults.parse(faults) as CarrierFaults)
const kept = `https://${HOST}/kept`
const recording = `<Start><Recording recordingStatusCallback="${kept}" recordingStatusCallbackEvent="completed absent"/></Start><Pause/>`

describe('REST requests', () => {
  test('are refused as often as asked, where they are meant, and are not carried out', async () => {
    const refuseRest = [
      { code: 20429, times: 2, path: 'Calls' },
      { code: 21608, path: 'Messages' },
    ]
    const rig = createVirtualRig({}, { settings: settingsOf({ refuseRest }) })
    const statuses = async (path: string, form?: Record<string, string>) => {
      const { status, json } = await rest(rig, path, form)
      return [status, json.code]
    }
    const text = { To: FROM, From: NUMBER.phoneNumber, Body: 'Hello' }
    const placed = { To: FROM, From: NUMBER.phoneNumber, Twiml: '<Response/>' }
    expect(await statuses('/IncomingPhoneNumbers.json')).toEqual([200, undefined])
    expect(await statuses('/Messages.json', text)).toEqual([400, 21608])
    expect(await statuses('/Messages.json', text)).toEqual([201, undefined])
    expect(await statuses('/Calls.json', placed)).toEqual([429, 20429])
    expect(await statuses('/Calls.json')).toEqual([429, 20429])
    expect((await rest(rig, '/Calls.json')).json.calls).toEqual([])
  })
})

describe('recordings', () => {
  test('are lost in their order, the last way for all later ones', async () => {
    const settings = settingsOf({ recordings: ['kept', 'absent'] })
    const rig = createVirtualRig({ '/voice': recording }, { settings })
    for (let count = 0; count < 3; count++)
      await rig.clock.run(rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [] }).done)
    expect(rig.server.of('/kept').map(({ form }) => form.RecordingStatus)).toEqual(['completed', 'absent', 'absent'])
  })

  test('have media later than they are told of', async () => {
    const { record, server, clock } = await place({ '/voice': recording }, [], {
      settings: settingsOf({ mediaMs: 9000 }),
    })
    const [told] = server.of('/kept')
    expect(told?.form.RecordingStatus).toBe('completed')
    expect((record.endedAtMs ?? 0) + 800).toBe(told?.atMs ?? 0)
    expect(clock.now() - (record.endedAtMs ?? 0)).toBeGreaterThanOrEqual(9000)
  })
})

test('a call that is placed waits for its turn', async () => {
  const rig = createVirtualRig(
    {},
    { settings: settingsOf({ queueMs: 5000 }), people: [{ number: FROM, answers: 'busy', does: [] }] },
  )
  const began = rig.clock.now()
  const placed = rig.carrier.expectOutbound()
  await rest(rig, '/Calls.json', { To: FROM, From: NUMBER.phoneNumber, Twiml: '<Response/>' })
  const record = await rig.clock.run(placed.then(({ done }) => done))
  expect([record.status, (record.endedAtMs ?? 0) - began]).toEqual(['busy', 5500])
  expect((await rest(rig, `/Calls/${record.callSid}.json`)).json).toMatchObject({ queue_time: '5000' })
})

test('nothing goes wrong by itself', () => {
  const { refuseRest, isLost, ...rest } = settingsOf({})
  expect([refuseRest?.({ method: 'GET', path: '/Calls.json' }), isLost?.(0), rest]).toEqual([null, false, {}])
})

test.each([
  [{ recordings: [] }],
  [{ recordings: ['lost'] }],
  [{ refuseRest: [{ code: 429 }] }],
  [{ mediaMs: -1 }],
  [{ mediums: 1 }],
])('what there is not is refused: %j', (faults) => {
  expect(carrierFaults.safeParse(faults).success).toBe(false)
})
