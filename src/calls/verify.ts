// Proves that a request comes from Twilio: the signature over the public URL and every parameter, with the auth token of
// the account that the request names. What cannot prove it is turned away before anything is read or written.
import twilio from 'twilio'
import { limits } from '../config.ts'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { Account, Accounts } from '../organizations/account-store.ts'

/** A field that came more than once is a list; Twilio signs those sorted and without repeats. */
export type Form = Record<string, string | string[]>

export type Verified = { form: Form; account: Account }

/** unsigned: it cannot prove to come from Twilio. oversized: it is larger than any webhook, and was not read. */
export type VerifyProblem = 'unsigned' | 'oversized'

export async function verifyWebhook(
  accountBySid: (accountSid: string) => Promise<Account | null>,
  publicBaseUrl: string,
  request: Request,
): Promise<Outcome<Verified, VerifyProblem>> {
  const body = await readBody(request, limits.webhookBodyBytes)
  if (body === null) return problem('oversized', 'the body is larger than any webhook of Twilio')
  const form = parseForm(body)
  const account = typeof form.AccountSid === 'string' ? await accountBySid(form.AccountSid) : null
  if (account === null) return problem('unsigned', 'the account is not known here')
  const signature = request.headers.get('x-twilio-signature') ?? ''
  const isGenuine = isSigned(account.authToken, signature, publicUrl(publicBaseUrl, request), form)
  return isGenuine ? ok({ form, account }) : problem('unsigned', 'the signature does not fit the request')
}

/** Twilio signs a socket's handshake over its wss address, in some versions with a slash at the end. */
export async function verifyHandshake(
  accounts: Pick<Accounts, 'byStreamId'>,
  publicBaseUrl: string,
  request: Request,
): Promise<Outcome<Account, 'unsigned'>> {
  const url = publicUrl(publicBaseUrl, request).replace(/^http/, 'ws')
  const account = await accounts.byStreamId(new URL(url).pathname.split('/').at(-1) ?? '')
  if (account === null) return problem('unsigned', 'the account is not known here')
  const signature = request.headers.get('x-twilio-signature') ?? ''
  const isGenuine = [url, `${url}/`].some((signed) => isSigned(account.authToken, signature, signed, {}))
  return isGenuine ? ok(account) : problem('unsigned', 'the signature does not fit the handshake')
}

/** The URL as Twilio was told it, never as a proxy shows it. */
export function publicUrl(publicBaseUrl: string, request: Request): string {
  const { pathname, search } = new URL(request.url)
  return publicBaseUrl + pathname + search
}

export function isSigned(authToken: string, signature: string, url: string, form: Form): boolean {
  return signature !== '' && twilio.validateRequest(authToken, signature, url, form)
}

/** Every field counts for the signature: the form is without a prototype, so that none can hide behind a name of its. */
export function parseForm(body: string): Form {
  const form: Form = Object.create(null)
  for (const [name, value] of new URLSearchParams(body)) {
    const held = form[name]
    form[name] = held === undefined ? value : [...(Array.isArray(held) ? held : [held]), value]
  }
  return form
}

/** Null when it is larger than `mostBytes`; never holds more than that. */
export async function readBody(request: Request, mostBytes: number): Promise<string | null> {
  if (request.body === null) return ''
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body) {
    bytes += chunk.byteLength
    if (bytes > mostBytes) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
