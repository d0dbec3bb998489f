// Asks a server, at its public address, whether it would take a call for a number: with Twilio's signature and every field of
// a call, for a call that is none and leaves nothing behind. What is wrong is told with how to mend it.
import { randomBytes } from 'node:crypto'
import twilio from 'twilio'
import { clinicHeader } from '../calls/rehearsal.ts'
import { rehearsalUrl } from '../calls/twiml.ts'
import { limits } from '../config.ts'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import { directly, type Reach } from './reach.ts'

/** unreachable: nobody answers there. refused: somebody does, and does not take our signature. stranger: it is no server of ours. */
export type RehearsalProblem = 'unreachable' | 'refused' | 'stranger'

/** `organizationId`: of the clinic that the call would be for; null when it would be for none. */
export type Rehearsed = { organizationId: string | null }

export async function rehearse(
  publicBaseUrl: string,
  account: { accountSid: string; authToken: string },
  to: string,
  reach: Reach = directly,
): Promise<Outcome<Rehearsed, RehearsalProblem>> {
  const url = rehearsalUrl(publicBaseUrl)
  const fields = fieldsOf(account.accountSid, to)
  const answer = await fetch(reach(url), {
    method: 'POST',
    headers: { 'x-twilio-signature': twilio.getExpectedTwilioSignature(account.authToken, url, fields) },
    body: new URLSearchParams(fields),
    redirect: 'manual',
    signal: AbortSignal.timeout(limits.rehearsalMs),
  }).then(read, (error: Error) => error)
  if (answer instanceof Error) return unreachable(publicBaseUrl, answer)
  const { status, text, clinic } = answer
  if (status === 403)
    return problem(
      'refused',
      `the signature is refused: the server at ${publicBaseUrl} must have the same PUBLIC_BASE_URL, to the letter, and the ` +
        `auth token of ${account.accountSid} that Twilio signs with`,
    )
  if (status !== 200 || !text.trimEnd().endsWith('</Response>')) return stranger(publicBaseUrl, status)
  return ok({ organizationId: clinic })
}

async function read(response: Response): Promise<{ status: number; text: string; clinic: string | null } | Error> {
  let [text, bytes] = ['', 0]
  const decoder = new TextDecoder()
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > limits.rehearsalAnswerBytes) break
      text += decoder.decode(chunk, { stream: true })
    }
  } catch (error) {
    return error instanceof Error ? error : new Error('the answer broke off')
  }
  return { status: response.status, text, clinic: response.headers.get(clinicHeader) }
}

/** As of a call that is just coming in, from a number that is nobody's. */
const fieldsOf = (accountSid: string, to: string): Record<string, string> => ({
  CallSid: `CA${randomBytes(16).toString('hex')}`,
  AccountSid: accountSid,
  From: 'anonymous',
  To: to,
  Caller: 'anonymous',
  Called: to,
  CallStatus: 'ringing',
  Direction: 'inbound',
  ApiVersion: '2010-04-01',
})

function unreachable(publicBaseUrl: string, { name }: Error) {
  const why = name === 'TimeoutError' ? `within ${limits.rehearsalMs / 1000} s` : 'at all'
  return problem(
    'unreachable',
    `nobody answers at ${publicBaseUrl} ${why}: is the server up, and do its name and certificate lead to it?`,
  )
}

function stranger(publicBaseUrl: string, status: number) {
  const isRedirect = status >= 300 && status < 400
  const mend = isRedirect
    ? 'PUBLIC_BASE_URL must be the address itself, not one that leads to it'
    : 'is it this server that PUBLIC_BASE_URL leads to, in this version?'
  return problem('stranger', `${publicBaseUrl} answers ${status} and no TwiML: ${mend}`)
}
