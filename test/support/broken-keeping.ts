// Calls that the carrier, the database or the mail has reason to complain of: what each other rule must see. Each entry
// names the rule by the beginning of its name.
import { at, startMs } from './audited-call.ts'
import type { Breaking } from './audited-parts.ts'

export const brokenKeeping: Breaking[] = [
  [
    'the server accepts what the carrier signed',
    'a callback is refused',
    ({ carrier }) => Object.assign(carrier.deliveries[0] ?? {}, { status: 403 }),
  ],
  [
    'every request of the carrier is answered, and in time',
    'a callback fails',
    ({ carrier }) => Object.assign(carrier.deliveries[0] ?? {}, { status: 500 }),
  ],
  [
    'every request of the carrier is answered, and in time',
    'the TwiML comes too late',
    ({ carrier }) => Object.assign(carrier.documents[0] ?? {}, { tookMs: 15_000 }),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'a message was invalid',
    ({ carrier }) => carrier.problems.push({ atMs: at(1), code: 31951, text: '' }),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'an expected one stays away',
    ({ fixture }) => fixture.expect.problems.push(11205),
  ],
  [
    'the carrier logs no problem but those that the fixture expects',
    'the caller’s end is taken for the server’s',
    ({ stream }) => (stream.endedBy = 'caller'),
  ],
  ['the call ends, and the carrier knows how', 'it never ends', ({ carrier }) => (carrier.endedAtMs = null)],
  [
    'no rule of the Realtime API is broken',
    'a response was created twice',
    ({ session }) => session.violations.push('two at once'),
  ],
  [
    'no rule of the Realtime API is broken, nor of the Responses API',
    'the supervisor’s thread has a gap',
    ({ model }) =>
      model.thoughts.push({
        atMs: at(3_000),
        answeredAtMs: null,
        model: 'gpt-5.4',
        instructions: '',
        input: '[]',
        tools: [],
        output: '',
        status: 400,
        violations: ['No tool output found'],
      }),
  ],
  ['a call for a clinic is its', 'there is no conversation', ({ server }) => (server.conversation = null)],
  ['a call for a clinic is its', 'an unrouted call is kept', ({ fixture }) => (fixture.expect.isRouted = false)],
  ...Object.entries({
    session_id: 'twilio_other',
    call_sid: 'CA',
    from_number: '',
    to_number: '',
    call_status: 'in-progress',
    started_at: null,
    answered_at: new Date(startMs - 9_000),
    ended_at: 'never',
    duration_ms: 60_000,
  }).map(
    ([name, value]): Breaking => [
      'the conversation’s row says of the call what the carrier knows',
      `${name} is ${value}`,
      ({ row }) => (row[name] = value),
    ],
  ),
  ['the conversation’s row is as the fixture expects', 'another channel', ({ row }) => (row.channel = 'web')],
  [
    'the conversation’s row is as the fixture expects',
    'a number out of range',
    ({ fixture }) => (fixture.expect.row.duration_ms = { max: 10 }),
  ],
  [
    'every recording that the carrier finished',
    'one was not fetched',
    ({ server }) => Object.assign(server.recordings[0] ?? {}, { stored_as: null }),
  ],
  ['every recording that the carrier finished', 'one is unknown', ({ server }) => server.recordings.pop()],
  [
    'every recording that the carrier finished',
    'a message on tape is missing',
    ({ fixture }) => (fixture.expect.voicemails = 1),
  ],
  ['exactly the expected e-mails are sent', 'none', ({ inbox }) => inbox.messages.pop()],
  ['exactly the expected e-mails are sent', 'twice', ({ inbox }) => inbox.messages.push(...inbox.messages)],
  [
    'exactly the expected e-mails are sent',
    'to somebody more',
    ({ inbox }) => inbox.messages[0]?.to.push('c@clinic.example'),
  ],
  [
    'exactly the expected e-mails are sent',
    'without what was said, in HTML',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { html: '' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'without what was said, in text',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { text: '' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'without a key',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { idempotencyKey: null }),
  ],
  [
    'exactly the expected e-mails are sent',
    'under another subject',
    ({ fixture }) => Object.assign(fixture.expect.emails[0] ?? {}, { subject: 'Other' }),
  ],
  [
    'exactly the expected e-mails are sent',
    'a delivery is left over',
    ({ server }) => server.emailDeliveries.push({ state: 'parked' }),
  ],
  [
    'the mail goes out after everything that it tells',
    'before the analysis',
    ({ inbox }) => Object.assign(inbox.messages[0] ?? {}, { atMs: at(9_000) }),
  ],
  ['no other clinic has anything of the call', 'one has', ({ server }) => (server.otherOrganizationsTouched = 1)],
  [
    'no other clinic has anything of the call',
    'a key knows all clinics',
    ({ server }) => (server.keysOverAll = ['patients.patients_phone']),
  ],
]
