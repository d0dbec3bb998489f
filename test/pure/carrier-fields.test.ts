// What else Twilio says of a call when there is something to say: with every request, but for the attestation of its first.
import { expect, test } from 'bun:test'
import { createVirtualRig, FROM, NUMBER, rest } from './carrier-rig.ts'

test('further fields come with every request about the call, in place of those there are, and signed', async () => {
  const rig = createVirtualRig({ '/voice': '<Redirect>/next</Redirect>', '/next': '<Hangup/>' })
  const own = { ForwardedFrom: '+15550109999', CallerName: 'REYES DANA' }
  const fields = { ...own, FromCity: 'OAKLAND', StirVerstat: 'TN-Validation-Failed-C' }
  const placed = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [], fields })
  const record = await rig.clock.run(placed.done)
  expect(record.problems).toEqual([])
  const told = rig.server.asked.map(({ path, form }) => [path, form.ForwardedFrom, form.FromCity, form.StirVerstat])
  expect(told).toEqual([
    ['/voice', '+15550109999', 'OAKLAND', 'TN-Validation-Failed-C'],
    ['/next', '+15550109999', 'OAKLAND', undefined],
    ['/status', '+15550109999', 'OAKLAND', undefined],
  ])
  const { json } = await rest(rig, `/Calls/${record.callSid}.json`)
  expect(json).toMatchObject({ forwarded_from: own.ForwardedFrom, caller_name: own.CallerName, queue_time: '0' })
})
