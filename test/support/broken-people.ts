// Calls that put somebody through, broken: what the rules of people must see. Each entry names the rule by the beginning of
// its name.
import { type AuditedCall, at, speech } from './audited-call.ts'
import type { Breaking } from './audited-parts.ts'

const PERSON = '+15550109999'

/** As if the caller had been put through to a person after 2 s, and both had talked for 400 ms. */
export function putThrough({ carrier, fixture }: AuditedCall) {
  const frames = (label: string) =>
    Array.from({ length: 20 }, (_, place) => ({ atMs: at(2_000 + 20 * place), bytes: speech(`${label} ${place}`, 20) }))
  const [callers, persons] = [frames('caller'), frames('person')]
  const bridge = { bridgeSid: 'CA9', kind: 'dial' as const, joinedAtMs: at(2_000), leftAtMs: at(2_400) }
  carrier.bridges = [{ ...bridge, said: callers, heard: persons.slice(0, -1) }]
  carrier.legs = [
    {
      ...structuredClone(carrier),
      direction: 'outbound-dial',
      parentCallSid: carrier.callSid,
      callSid: 'CA9',
      to: PERSON,
      streams: [],
      recordings: [],
      said: [{ atMs: at(1_500), endedAtMs: at(1_900), text: 'Dana calls about her inhaler.' }],
      endedAtMs: at(2_400),
      endedBy: 'person',
      bridges: [{ ...bridge, said: persons, heard: callers.slice(0, -1) }],
      legs: [],
    },
  ]
  fixture.expect.dialled = [{ number: PERSON, status: 'completed', isBridged: true, hears: ['her inhaler'] }]
}

const rung = 'the people are rung whom the fixture names'
const alone = 'when the caller has gone, nobody is left ringing'
const both = 'two who are put through hear each other'

const broken = (rule: string, what: string, act: (call: AuditedCall) => void): Breaking => [
  rule,
  what,
  (call) => {
    putThrough(call)
    act(call)
  },
]
const leg = ({ carrier: { legs } }: AuditedCall): object => legs[0] ?? {}
const bridge = (call: AuditedCall) => call.carrier.legs[0]?.bridges[0]

export const brokenPeople: Breaking[] = [
  broken(rung, 'nobody is', ({ carrier }) => (carrier.legs = [])),
  broken(rung, 'somebody else is', (call) => Object.assign(leg(call), { to: '+15550100000' })),
  broken(rung, 'one more is', ({ fixture }) => (fixture.expect.dialled = [])),
  broken(rung, 'they are busy', (call) => Object.assign(leg(call), { status: 'busy' })),
  broken(rung, 'they never talk', (call) => Object.assign(leg(call), { bridges: [] })),
  broken(rung, 'they are told too late', (call) => Object.assign(bridge(call) ?? {}, { joinedAtMs: at(1_000) })),
  broken(alone, 'they are, for three seconds', (call) => Object.assign(leg(call), { endedAtMs: at(11_700) })),
  broken(alone, 'they are, for ever', (call) => Object.assign(leg(call), { endedAtMs: null })),
  broken(both, 'a frame is lost', (call) => bridge(call)?.heard.splice(5, 1)),
  broken(both, 'a frame is heard twice', (call) =>
    bridge(call)?.heard.splice(5, 0, ...(bridge(call)?.heard.slice(5, 6) ?? [])),
  ),
  broken(both, 'the line goes dead too soon', (call) => bridge(call)?.heard.splice(3)),
  broken('the server accepts what the carrier signed', 'the screening is refused', (call) =>
    Object.assign(leg(call), { documents: [{ atMs: 0, url: 'https://x', status: 403, body: '', tookMs: 1 }] }),
  ),
  broken('every request of the carrier is answered', 'the screening fails', (call) =>
    Object.assign(leg(call), { documents: [{ atMs: 0, url: 'https://x', status: 500, body: '', tookMs: 1 }] }),
  ),
  broken('the carrier logs no problem', 'the person’s leg has one', ({ carrier }) =>
    carrier.legs[0]?.problems.push({ atMs: at(1), code: 13214, text: '' }),
  ),
]
