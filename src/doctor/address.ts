// Looks at the server from outside, as Twilio reaches it: its public address, its signatures, and the door of its media socket.
// Nothing that is asked leaves a call behind.
import twilio from 'twilio'
import { callUrls } from '../calls/twiml.ts'
import { type Config, limits } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import type { OpenSocket } from '../lib/socket.ts'
import type { Account } from '../organizations/account-store.ts'
import { directly, placeOf, type Reach } from '../setup/reach.ts'
import { rehearse } from '../setup/rehearsal.ts'
import { bad, doubtful, type Finding, good, skipped } from './finding.ts'

export type AddressParts = { config: Config; clock: Clock; openSocket: OpenSocket; reach?: Reach }

/** `account`: with which to sign; null: there is none. */
export async function addressFindings(parts: AddressParts, account: Account | null): Promise<Finding[]> {
  const { PUBLIC_BASE_URL: url } = parts.config
  const reach = parts.reach ?? directly
  const address = await addressFinding(url, reach)
  if (address.state === 'fail')
    return [address, ...['signature', 'media socket'].map((check) => skipped(check, 'the server is not there'))]
  const signed =
    account === null
      ? ['signature', 'media socket'].map((check) => skipped(check, 'there is no Twilio account to sign with'))
      : [await signatureFinding(url, account, reach), await socketFinding(parts, account)]
  return [address, ...signed]
}

async function addressFinding(url: string, reach: Reach): Promise<Finding> {
  const check = 'public address'
  const answer = await fetch(reach(`${url}/healthz`), {
    redirect: 'manual',
    signal: AbortSignal.timeout(limits.vendorRequestMs),
  }).catch((error: Error) => error)
  if (answer instanceof Error)
    return bad(check, `nobody answers at ${url}`, 'is the server up, and do its name and certificate lead to it?')
  const told: unknown = await answer.json().catch(() => null)
  const isOurs = answer.status === 200 && typeof told === 'object' && told !== null && 'status' in told
  if (!isOurs)
    return bad(
      check,
      `${url} answers ${answer.status}, and not as this server does`,
      'PUBLIC_BASE_URL must be the address of the server itself',
    )
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:') return good(check, `${url} answers${placeOf(url, reach)}`)
  const mend = 'give it an https address; calls and words go over it'
  return /^(localhost|127\.|\[::1\])/.test(hostname)
    ? doubtful(check, `${url} answers, and leads nowhere from outside of this machine`, mend)
    : bad(check, `${url} is not https`, mend)
}

/** A right signature opens, and a wrong one does not. */
async function signatureFinding(url: string, account: Account, reach: Reach): Promise<Finding> {
  const check = 'signature'
  const nobody = '+15005550006'
  const right = await rehearse(url, account, nobody, reach)
  if (!right.ok) return bad(check, right.message, 'see "Pointing Twilio at it" in the README')
  const wrong = await rehearse(url, { ...account, authToken: `not ${account.authToken}` }, nobody, reach)
  if (!wrong.ok && wrong.problem === 'refused') return good(check, 'a signed request is taken, and a forged one is not')
  return bad(
    check,
    'a request with a forged signature is not refused',
    'something in front of the server answers for it: it must pass requests on as they are',
  )
}

function socketFinding(
  { config, clock, openSocket, reach = directly }: AddressParts,
  account: Account,
): Promise<Finding> {
  const check = 'media socket'
  const url = callUrls(config.PUBLIC_BASE_URL).stream(account.streamId)
  const signature = twilio.getExpectedTwilioSignature(account.authToken, url, {})
  return new Promise((resolve) => {
    const closed = (says: string) =>
      resolve(bad(check, says, 'whatever ends TLS in front of the server must pass WebSockets, and the path as it is'))
    const cancel = clock.after(limits.vendorRequestMs, () => {
      closed(`it did not open within ${limits.vendorRequestMs / 1000} s`)
      socket.close()
    })
    const socket = openSocket(
      reach(url),
      { 'x-twilio-signature': signature },
      {
        open() {
          cancel()
          resolve(good(check, 'it opens'))
          socket.close()
        },
        message() {},
        close() {
          cancel()
          closed('it is refused')
        },
      },
    )
  })
}
