// Two machines on one Postgres, and the one that has the call dies without a word: Twilio goes on with the call's TwiML, and
// the other machine goes on with the call.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { CallResult } from '../../sim/call.ts'
import type { ModelOutput } from '../../sim/script.ts'
import type { TraceEntry } from '../../sim/trace.ts'
import { type Deployed, factsOf, openDeployed, says } from './deployed.ts'

setDefaultTimeout(120_000)

let deployed: Deployed
beforeAll(async () => {
  deployed = await openDeployed({ machines: 2 })
})
afterAll(() => deployed.close())

const check = 'Dana Reyes, April twelfth, eighty eight. I need a check-up.'
const searched: ModelOutput[] = [
  { call: 'search_patient', arguments: { name: 'Dana Reyes', date_of_birth: '1988-04-12', phone_number: null } },
]
const offered: ModelOutput[] = [
  {
    call: 'find_availability',
    arguments: {
      ...{ service: 'check-up', provider: 'Dr. Okafor' },
      ...{ from_day: null, to_day: null, weekday: null, part_of_day: null },
    },
  },
]
const slot = '{{last.find_availability.slots.0.slot}}'
const when = '{{last.find_availability.slots.0.when}}'
/** Everything that was established before the machine died, as instructions, words and tool results. */
const known = ['The caller is identified; the tools act for Dana Reyes', 'Offered: slot 1', check, '"slots":']

/** Kills the machine that has the call at the first sign that `isTime` knows, and calls `afterwards` then. */
async function killedWhen(
  isTime: (entry: TraceEntry) => boolean,
  script: Parameters<Deployed['call']>[0],
  afterwards = async () => {},
): Promise<CallResult> {
  const { deployment } = deployed
  let killing: Promise<unknown> | null = null
  const result = await deployed.call(script, (entry, callSid) => {
    if (entry.wire === 'call' && entry.what === 'ended') void deployed.hurry('settle-stream')
    if (killing !== null || !isTime(entry)) return
    const machine = deployment.machineOf(callSid)
    killing =
      machine === null ? Promise.reject(new Error('no machine has it')) : deployment.kill(machine).then(afterwards)
  })
  await killing
  await deployment.start()
  return result
}

/** The first returned mark after a response that puts out these words: the caller hears them. */
function isHearing(words: string) {
  let isSaid = false
  return ({ wire, from, what, body }: TraceEntry): boolean => {
    if (what === 'response.output_audio_transcript.delta') isSaid ||= JSON.stringify(body).includes(words)
    return isSaid && wire === 'media' && from === 'carrier' && what === 'mark'
  }
}

/** One call, one row, one mail with everything in it. */
function expectWhole(result: CallResult): void {
  const { server, inbox, carrier } = result.evidence
  expect(carrier.endedBy).toBe('server')
  expect(server?.conversation).toMatchObject({ session_id: `twilio_${result.callSid}`, call_status: 'completed' })
  expect(server?.emailDeliveries.map(({ state }) => state)).toEqual(['sent'])
  expect(inbox.messages).toHaveLength(1)
  expect(inbox.messages[0]?.text).toContain('Dana Reyes booked a check-up with Dr. Okafor.')
  expect(inbox.messages[0]?.text).toContain(check)
  expect(server?.clinic?.appointments).toMatchObject([{ service: 'Check-up', status: 'booked', faults: [] }])
}

describe('kill -9 of the machine that has the call', () => {
  test('in the middle of a sentence: the other goes on where it was, and nothing is asked for again', async () => {
    const result = await killedWhen(isHearing('I have'), {
      caller: [
        await says({ on: 'agent-finished' }, check, 'dana-checkup'),
        await says({ on: 'agent-speaking', heardMs: 2_500 }, 'The first one, please.', 'the-first-one'),
      ],
      responses: [
        [{ say: 'Lakeside Family Clinic.' }],
        searched,
        offered,
        [{ say: `I have ${when}. Does that suit you, Dana, or would you rather come on another day?` }],
        [{ say: `We were cut off, Dana. I had just found ${when}. Does that suit you?`, knows: known }],
        [{ call: 'book_appointment', arguments: { slot, reason: null }, knows: known }],
        [{ say: 'It is booked.' }, { call: 'end_call', arguments: { reason: 'It is booked.' } }],
      ],
    })
    expectWhole(result)
    const { sessions, notes } = result.evidence.model
    expect([sessions.flatMap(({ violations }) => violations), notes]).toEqual([[], []])
    expect(factsOf(result, 'tool.returned').map(({ name }) => name)).toEqual([
      ...['search_patient', 'find_availability', 'book_appointment', 'end_call'],
    ])
  })

  test('in the middle of a tool: what it had not finished it has not done, and the other does it, once', async () => {
    const { admin, deployment } = deployed
    const killed = Promise.withResolvers<void>()
    const resumed = Promise.withResolvers<void>()
    // Nobody books for as long as the tables are held, and the tool waits.
    const holding = admin.begin(async (tx) => {
      await tx`lock table appointments in share row exclusive mode`
      await resumed.promise
    })
    const waits = async (): Promise<boolean> =>
      (await admin`select from pg_locks where not granted and relation = 'appointments'::regclass`).length > 0
    let isKilled = false
    async function killInTool(callSid: string): Promise<void> {
      while (!(await waits()));
      const machine = deployment.machineOf(callSid)
      if (machine === null) throw new Error('no machine has the call')
      await deployment.kill(machine)
    }
    const result = await deployed.call(
      {
        caller: [await says({ on: 'agent-finished' }, check, 'dana-checkup')],
        responses: [
          [{ say: 'Lakeside Family Clinic.' }],
          searched,
          offered,
          [{ call: 'book_appointment', arguments: { slot, reason: null } }],
          [
            { say: 'One moment, please.', knows: known },
            { call: 'book_appointment', arguments: { slot, reason: null } },
          ],
          [{ say: 'It is booked.' }, { call: 'end_call', arguments: { reason: 'It is booked.' } }],
        ],
      },
      ({ wire, from, what, body }, callSid) => {
        const isBooking = what === 'response.function_call_arguments.done' && JSON.stringify(body).includes('slot')
        if (isBooking && !isKilled && JSON.stringify(body).includes('reason')) {
          isKilled = true
          killInTool(callSid).then(killed.resolve, killed.reject)
        }
        if (isKilled && wire === 'webhook' && from === 'server' && what === '200') resumed.resolve()
        if (wire === 'call' && what === 'ended') void deployed.hurry('settle-stream')
      },
    )
    await Promise.all([holding, killed.promise])
    await deployment.start()
    expectWhole(result)
    expect(factsOf(result, 'appointment.booked')).toHaveLength(1)
  })
})

test('kill -9 of the machine that sends the mail, when it has left: another marks it as sent, and sends no second one', async () => {
  const { deployment, admin } = deployed
  let killing: Promise<unknown> | null = null
  // Nobody knows which machine has the job: they all die, and others come.
  const dieAll = async () => {
    await Promise.all(deployment.machines().map(deployment.kill))
    await Promise.all([deployment.start(), deployment.start()])
    // Leases and locks last a minute or more; here they are over at once.
    await admin`update email_deliveries set claimed_until = now() where state = 'claimed'`
    await admin`select graphile_worker.force_unlock_workers(array(
      select locked_by from graphile_worker.jobs where locked_by is not null))`
    await deployed.hurry('send-mail')
  }
  const { evidence } = await deployed.call(
    {
      caller: [await says({ on: 'agent-finished' }, 'Thanks, goodbye.', 'thanks-goodbye')],
      responses: [
        [{ say: 'Lakeside Family Clinic.' }],
        [{ say: 'Goodbye.' }, { call: 'end_call', arguments: { reason: 'The caller said goodbye.' } }],
      ],
    },
    ({ wire, from }) => {
      if (wire === 'mail' && from === 'server') killing ??= dieAll()
    },
  )
  await killing
  expect(evidence.inbox.messages).toHaveLength(1)
  expect(evidence.server?.emailDeliveries).toMatchObject([{ state: 'sent', attempts: 2 }])
  expect(new Set(evidence.inbox.requests.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1)
})
