// A clinic is given a number: at Twilio, by its REST API, and only once the server has proven that it takes the number's calls.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import postgres from 'postgres'
import twilio from 'twilio'
import type { CarrierNumber } from '../../sim/carrier/exchange.ts'
import { createAccounts } from '../../src/organizations/account-store.ts'
import { createSeal } from '../../src/organizations/seal.ts'
import { clinicShape, toWish } from '../../src/setup/clinic-shape.ts'
import { addClinic, setCredentials } from '../../src/setup/commands.ts'
import { dropNumber, type NumberDeps, proveAccount, setNumber } from '../../src/setup/number.ts'
import { organizationIdOf } from '../../src/setup/reference.ts'
import { createTwilioNumbers } from '../../src/vendors/twilio-numbers.ts'
import { account, type Deployment, openDeployment, otherAccount } from '../support/deployment.ts'

const [front, back, theirs, onApplication] = ['+13125550101', '+13125550102', '+13125550103', '+13125550104']
const elsewhere = 'https://demo.twilio.com/welcome/voice/'
const numbers: CarrierNumber[] = [
  { phoneNumber: front, accountSid: account.accountSid, voiceUrl: elsewhere, voiceMethod: 'GET' },
  { phoneNumber: back, accountSid: account.accountSid, voiceUrl: elsewhere },
  { phoneNumber: theirs, accountSid: otherAccount.accountSid, voiceUrl: '' },
  {
    phoneNumber: onApplication,
    accountSid: account.accountSid,
    voiceUrl: '',
    voiceApplicationSid: `AP${'0'.repeat(32)}`,
  },
]

let deployment: Deployment
let admin: postgres.Sql
let deps: NumberDeps
beforeAll(async () => {
  deployment = await openDeployment({ numbers })
  admin = postgres(deployment.database.adminUrl, { max: 1, onnotice: () => {} })
  deps = depsWith({})
  await admin`truncate routing.unrouted_calls`
})
afterAll(async () => {
  await admin.end()
  await deployment.end()
})
beforeEach(async () => {
  await admin`truncate organizations, routing.numbers, routing.accounts cascade`
  for (const clinic of ['north', 'south'])
    await addClinic(
      deps,
      {
        wish: toWish(clinicShape.parse({ clinic, name: clinic, timeZone: 'UTC', admins: ['A <a@n.example>'] })),
        texts: {},
      },
      false,
    )
})

function depsWith(settings: Record<string, string>): NumberDeps {
  const config = deployment.configWith(settings)
  const accounts = createAccounts({ config, db: deployment.deps.db, seal: createSeal(config.FRONTDESK_KEYS) })
  const twilioNumbers = createTwilioNumbers({ baseUrl: config.TWILIO_API_BASE_URL, timeoutMs: 5_000 })
  return { ...deployment.deps, config, accounts, numbers: twilioNumbers }
}

const north = { organizationId: organizationIdOf('north'), isTrial: false }
const south = { organizationId: organizationIdOf('south'), isTrial: false }
const wanted = (phoneNumber: string) => ({ phoneNumber, friendlyName: 'Front desk' })

/** As Twilio's own client sees it. */
async function atTwilio(phoneNumber: string, by = account) {
  const client = twilio(by.accountSid, by.authToken)
  client.api.baseUrl = deployment.environment.TWILIO_API_BASE_URL ?? ''
  const [found] = await client.incomingPhoneNumbers.list({ phoneNumber })
  if (found === undefined) throw new Error('no such number')
  return found
}
const callsAndMisses = async () => {
  const [row] = await admin`
    select (select count(*)::int from conversations) as calls, (select count(*)::int from routing.calls) as known,
      (select count(*)::int from routing.unrouted_calls) as misses`
  return row
}

describe('a number', () => {
  test('is the clinic’s, and Twilio sends its calls here, by POST, with a fallback and the status', async () => {
    const report = await setNumber(deps, north, wanted(front))
    expect(report.changes.map(({ part, name, was }) => [part, name, was])).toEqual([
      ['number', front, null],
      ['webhook', 'voice', `GET ${elsewhere}`],
      ['webhook', 'fallback', null],
      ['webhook', 'status', null],
    ])
    const url = `${deployment.environment.PUBLIC_BASE_URL}/api/twilio`
    expect(await atTwilio(front)).toMatchObject({
      voiceUrl: `${url}/incoming-call`,
      voiceMethod: 'POST',
      voiceFallbackUrl: `${url}/fallback`,
      voiceFallbackMethod: 'POST',
      statusCallback: `${url}/status`,
      statusCallbackMethod: 'POST',
    })
    expect(report.notes.join()).toContain('was answered with TwiML for this clinic')
  })

  test('given again changes nothing, and is proven again; the proof leaves no call and no miss behind', async () => {
    await setNumber(deps, north, wanted(front))
    const again = await setNumber(deps, north, wanted(front))
    expect([again.changes, again.notes.length]).toEqual([[], 1])
    expect(await callsAndMisses()).toEqual({ calls: 0, known: 0, misses: 0 })
  })

  test('as a trial is asked about, and nothing is changed, here or at Twilio', async () => {
    const trial = await setNumber(deps, { ...north, isTrial: true }, wanted(back))
    expect(trial.changes).toHaveLength(4)
    expect(await atTwilio(back)).toMatchObject({ voiceUrl: elsewhere, statusCallback: '' })
    expect(await admin`select 1 from phone_numbers`).toHaveLength(0)
  })

  test('that an application stands before is freed of it', async () => {
    const { changes } = await setNumber(deps, north, wanted(onApplication))
    expect(changes).toContainEqual({ part: 'webhook', name: 'application', was: `AP${'0'.repeat(32)}`, is: null })
    expect((await atTwilio(onApplication)).voiceApplicationSid).toBeNull()
    expect((await setNumber(deps, north, wanted(onApplication))).changes).toEqual([])
  })

  test('of another clinic is refused, and stays where it is at Twilio', async () => {
    await setNumber(deps, south, wanted(front))
    await expect(setNumber(deps, north, wanted(front))).rejects.toThrow('it is active for another organization')
  })

  test('that the account does not have is refused before anything is changed', async () => {
    // The last is part of numbers that the account has, and is found by Twilio as such.
    for (const phoneNumber of [theirs, '+13125550109', '+1312555010'])
      await expect(setNumber(deps, north, wanted(phoneNumber))).rejects.toThrow(`has no number ${phoneNumber}`)
    expect(await admin`select 1 from phone_numbers`).toHaveLength(0)
  })

  test('is found in the account of the clinic’s own, and proven with its signature', async () => {
    await setCredentials(deps, south, otherAccount)
    await setNumber(deps, south, wanted(theirs))
    expect((await atTwilio(theirs, otherAccount)).voiceUrl).toEndWith('/incoming-call')
    await expect(setNumber(deps, south, wanted(front))).rejects.toThrow(`${otherAccount.accountSid} has no number`)
  })

  test('given back is routed no more, and can be another clinic’s', async () => {
    await setNumber(deps, north, wanted(front))
    expect((await dropNumber(deps, north, front)).changes).toMatchObject([{ part: 'number', is: null }])
    expect((await dropNumber(deps, north, front)).changes).toEqual([])
    expect((await setNumber(deps, south, wanted(front))).changes).toHaveLength(1)
  })
})

describe('Twilio is not told to send calls', () => {
  const isUntouched = async () =>
    expect(await atTwilio(back)).toMatchObject({ voiceUrl: elsewhere, statusCallback: '' })

  test('to an address where nobody answers', async () => {
    const wrong = depsWith({ PUBLIC_BASE_URL: 'http://127.0.0.1:9' })
    await expect(setNumber(wrong, north, wanted(back))).rejects.toThrow(
      /not told to send its calls here: nobody answers/,
    )
    await isUntouched()
  })

  test('when it is not there itself, or says nothing that can be read; which of it is told', async () => {
    const stranger = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('Hello') })
    for (const [address, told] of [
      ['http://127.0.0.1:9', 'Cannot find number: Twilio cannot be reached (ECONNREFUSED)'],
      [stranger.url.origin, 'Cannot find number: Twilio gave no readable answer'],
    ] as const)
      await expect(setNumber(depsWith({ TWILIO_API_BASE_URL: address }), north, wanted(back))).rejects.toThrow(told)
    await stranger.stop(true)
    await isUntouched()
  })

  test('to a server that goes by another address, or another token', async () => {
    const asLocalhost = (deployment.environment.PUBLIC_BASE_URL ?? '').replace('127.0.0.1', 'localhost')
    const wrong = depsWith({ PUBLIC_BASE_URL: asLocalhost })
    await expect(setNumber(wrong, north, wanted(back))).rejects.toThrow(/the same PUBLIC_BASE_URL, to the letter/)
    await isUntouched()
  })

  test('to somebody else’s server, or one that only leads elsewhere', async () => {
    for (const [status, told] of [
      [200, /answers 200 and no TwiML/],
      [302, /must be the address itself/],
    ] as const) {
      const stranger = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('Hello', { status }) })
      const wrong = depsWith({ PUBLIC_BASE_URL: stranger.url.origin })
      await expect(setNumber(wrong, north, wanted(back))).rejects.toThrow(told)
      await stranger.stop(true)
    }
    await isUntouched()
  })

  test('with a token that Twilio does not take; the token is in no message', async () => {
    const wrong = depsWith({ TWILIO_AUTH_TOKEN: 'another token' })
    const told = await setNumber(wrong, north, wanted(back)).catch((error: Error) => error.message)
    expect(told).toContain(`the auth token of ${account.accountSid} is not the one that Twilio has`)
    expect(told).not.toContain('another token')
    expect(await admin`select 1 from phone_numbers`).toHaveLength(0)
    await expect(proveAccount(wrong.numbers, { ...account, authToken: 'x' })).rejects.toThrow(
      'is not the one that Twilio has',
    )
    await proveAccount(deps.numbers, account)
  })
})
