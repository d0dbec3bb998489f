// Putting through at its edges: what is left behind, what comes in the very moment, and what must not leak from one leg to
// another.
import { expect, test } from 'bun:test'
import type { CallerStep, Person } from '../../sim/script.ts'
import { createVirtualRig, FROM, HOST, hangUpAfter, NUMBER, type Page, rest } from './carrier-rig.ts'

const PERSON = '+15550109999'
const people = (does: CallerStep[] = []): Person[] => [{ number: PERSON, answers: { afterMs: 1000 }, does }]
const atTheTelephone = (ms: number): CallerStep => ({ on: 'connected', waitMs: ms, act: 'hang-up' })

/** A call to the document, and what is done with it at instants counted from the ring. */
async function run(
  pages: Record<string, Page>,
  caller: CallerStep[],
  options: Parameters<typeof createVirtualRig>[1],
  requests: [atMs: number, form: Record<string, string>, ofLeg?: true][] = [],
) {
  const rig = createVirtualRig(pages, options)
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller })
  for (const [atMs, form, ofLeg] of requests)
    rig.clock.after(atMs, () => {
      const sid = ofLeg === undefined ? call.callSid : (call.record().legs[0]?.callSid ?? '')
      void rest(rig, `/Calls/${sid}.json`, form)
    })
  return { ...rig, record: await rig.clock.run(call.done) }
}

test('a leg does not wait for its turn, as a call that REST places does', async () => {
  const { record } = await run({ '/voice': `<Dial>${PERSON}</Dial>` }, [], {
    people: people([atTheTelephone(500)]),
    settings: { queueMs: 60_000 },
  })
  expect((record.legs[0]?.answeredAtMs ?? 0) - record.ringingAtMs).toBe(1500)
})

test('a screening that ends while a redirect is under way connects nobody', async () => {
  const pages = {
    '/voice': `<Dial action="/dialled"><Number url="/screen">${PERSON}</Number></Dial>`,
    '/screen': '<Pause length="2"/>',
    '/new': '<Say>Elsewhere</Say>',
  }
  // The leg is answered after 1.5 s, its screening is over after 3.5 s, and the leg is dropped after 3.566 s.
  const { record } = await run(pages, [], { people: people() }, [[3400, { Url: `https://${HOST}/new` }]])
  expect(record.bridges).toEqual([])
  expect(record.legs).toMatchObject([{ bridges: [], status: 'completed', endedBy: 'server' }])
  expect(record.said).toMatchObject([{ text: 'Elsewhere' }])
})

test('a leg that was taken elsewhere is not ended by the time limit of the Dial that it left', async () => {
  const pages = { '/voice': `<Dial timeLimit="5">${PERSON}</Dial><Pause length="60"/>`, '/new': '<Pause length="20"/>' }
  const options = { people: people([hangUpAfter(60_000)]) }
  const { record } = await run(pages, [hangUpAfter(40_000)], options, [[3000, { Url: `https://${HOST}/new` }, true]])
  const [leg] = record.legs
  expect(leg).toMatchObject({ endedBy: 'server' })
  expect((leg?.endedAtMs ?? 0) - record.ringingAtMs).toBe(23_000)
})

test('nothing of a call is left behind: no timer goes on after it', async () => {
  for (const inside of [PERSON, '<Conference endConferenceOnExit="true">x</Conference>']) {
    const { clock, record } = await run({ '/voice': `<Dial>${inside}</Dial>` }, [hangUpAfter(4000)], {
      people: people(),
    })
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('Virtual time has run out')
    expect(clock.now() - (record.endedAtMs ?? 0)).toBeLessThan(1000)
  }
})

test('a recording that REST started is not told of by the status callback, nor is a SIP code of a call that came in', async () => {
  const rig = createVirtualRig({ '/voice': '<Pause length="9"/>' })
  const call = rig.carrier.call({ to: NUMBER.phoneNumber, from: FROM, caller: [hangUpAfter(3000)] })
  rig.clock.after(500, () => void rest(rig, `/Calls/${call.callSid}/Recordings.json`, {}))
  const record = await rig.clock.run(call.done)
  expect(record.recordings).toHaveLength(1)
  const form = rig.server.of('/status')[0]?.form
  expect(form).not.toHaveProperty('RecordingUrl')
  expect(form).not.toHaveProperty('SipResponseCode')
})
