// The telephone carrier's REST API, by Twilio's own package over our own HTTP: one address for everything (Twilio's, or a
// stand-in's), a deadline for every request, a limit on every file, and no setting taken from the environment unseen.
// Refuses to retry: starting a recording has no idempotency key, so after `unavailable` a caller first lists what there is.
// Sources: twilio.com/docs/voice/api/call-resource, voice/api/recording, api/errors.
import twilio from 'twilio'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import type { PlacingProblem, Telephony, TelephonyAccount, TelephonyProblem } from './telephony.ts'

/** Where the API is, and how long one request may take. */
export type TwilioOptions = Pick<TelephonyOptions, 'baseUrl' | 'timeoutMs'>

export type TelephonyOptions = {
  /** `https://api.twilio.com`, or where a stand-in listens. */
  baseUrl: string
  /** For one REST request, from first byte to last. */
  timeoutMs: number
  /** For fetching one recording's file. */
  mediaTimeoutMs: number
  /** A file larger than this is not taken. */
  maxRecordingBytes: number
}

/** More recordings of one call than this are not looked at. */
const maxListedRecordings = 50
/** A page of fifty recordings is about 60 kB. */
const maxAnswerBytes = 1024 * 1024

export function createTelephony(options: TelephonyOptions): Telephony {
  const { baseUrl, mediaTimeoutMs, maxRecordingBytes } = options
  const clientOf = clientsOf(options)

  return {
    placeCall: (account, { to, from, ringSeconds, answerUrl, fallbackUrl, statusUrl, answeredByUrl }) =>
      place(async () => {
        const { sid } = await clientOf(account).calls.create({
          to,
          from,
          timeout: ringSeconds,
          url: answerUrl,
          method: 'POST',
          fallbackUrl,
          fallbackMethod: 'POST',
          statusCallback: statusUrl,
          statusCallbackMethod: 'POST',
          statusCallbackEvent: ['initiated', 'ringing', 'answered', 'completed'],
          machineDetection: 'DetectMessageEnd',
          asyncAmd: 'true',
          asyncAmdStatusCallback: answeredByUrl,
          asyncAmdStatusCallbackMethod: 'POST',
        })
        return { callSid: sid }
      }),

    redirectCall: (account, callSid, url) =>
      ask('redirect call', async () => {
        await clientOf(account).calls(callSid).update({ url, method: 'POST' })
        return null
      }),

    startRecording: (account, callSid, statusCallbackUrl) =>
      ask('start recording', async () => {
        const recording = await clientOf(account)
          .calls(callSid)
          .recordings.create({
            recordingChannels: 'dual',
            recordingStatusCallback: statusCallbackUrl,
            recordingStatusCallbackMethod: 'POST',
            recordingStatusCallbackEvent: ['in-progress', 'completed', 'absent'],
          })
        return { recordingSid: recording.sid }
      }),

    fetchCall: (account, callSid) =>
      ask('fetch call', async () => {
        const { from, to, direction, status, duration, endTime } = await clientOf(account).calls(callSid).fetch()
        return {
          from,
          to,
          direction: direction === 'inbound' ? ('inbound' as const) : ('outbound' as const),
          status,
          durationMs: wholeSeconds(duration),
          endedAtMs: instant(endTime),
        }
      }),

    listRecordings: (account, callSid) =>
      ask('list recordings', async () => {
        const found = await clientOf(account).calls(callSid).recordings.list({ limit: maxListedRecordings })
        return found.map(({ sid, status, duration, channels, source }) => ({
          recordingSid: sid,
          status,
          durationMs: wholeSeconds(duration),
          channels: Number.isInteger(channels) ? channels : null,
          isVoicemail: source === 'RecordVerb',
        }))
      }),

    async fetchRecordingMedia(account, recordingSid) {
      const url = `${baseUrl}/2010-04-01/Accounts/${account.accountSid}/Recordings/${recordingSid}.wav`
      const headers = { authorization: basic(account.accountSid, account.authToken) }
      try {
        const { status, body } = await exchange(url, { headers }, mediaTimeoutMs, maxRecordingBytes)
        return status === 200 ? ok(body) : failure('fetch recording', status, null)
      } catch (error) {
        return fromExchange('fetch recording', error)
      }
    },

    endCall: (account, callSid) =>
      ask('end call', async () => {
        await clientOf(account).calls(callSid).update({ status: 'completed' })
        return null
      }),
  }
}

/** Twilio's own client of an account, over our own HTTP. */
export function clientsOf({ baseUrl, timeoutMs }: TwilioOptions) {
  const httpClient = new BoundedClient(baseUrl, timeoutMs)
  return (account: TelephonyAccount) => twilio(account.accountSid, account.authToken, { httpClient })
}

export async function ask<T>(action: string, request: () => Promise<T>): Promise<Outcome<T, TelephonyProblem>> {
  try {
    return ok(await request())
  } catch (error) {
    const { status, code } = error as { status?: unknown; code?: unknown }
    if (typeof status !== 'number') return fromExchange(action, error)
    return failure(action, status, typeof code === 'number' ? code : null)
  }
}

/** Placing a call has no idempotency key: only an answer that says so proves that no call was placed. */
async function place<T>(request: () => Promise<T>): Promise<Outcome<T, PlacingProblem>> {
  try {
    return ok(await request())
  } catch (error) {
    const { status } = error as { status?: unknown }
    if (typeof status !== 'number' && !(error instanceof NoAnswer || error instanceof TooLarge)) throw error
    const message = `Cannot place call: Twilio answered ${status ?? 'nothing that can be read'}`
    return problem(typeof status === 'number' ? placingProblem(status) : 'unknown', message)
  }
}

/** Of 429 Twilio says that nothing was processed: twilio.com/docs/api/errors/20429. */
function placingProblem(status: number): PlacingProblem {
  if (status === 429) return 'unavailable'
  return status >= 400 && status < 500 && status !== 408 ? 'refused' : 'unknown'
}

/** Twilio's "call is not in progress": too early for it, or too late. */
const notInProgress = 21220

/** Without Twilio's own words, which quote numbers and addresses. */
function failure(action: string, status: number, code: number | null): Outcome<never, TelephonyProblem> {
  const message = `Cannot ${action}: Twilio answered ${status}${code === null ? '' : ` with error ${code}`}`
  if (code === notInProgress) return problem('not-live', message)
  if (status === 404) return problem('not-found', message)
  const passes = status === 408 || status === 429 || status >= 500 || status < 400
  return problem(passes ? 'unavailable' : 'refused', message)
}

/** Any other error is a bug of ours and is thrown on. */
function fromExchange(action: string, error: unknown): Outcome<never, TelephonyProblem> {
  if (error instanceof NoAnswer) return problem('unavailable', `Cannot ${action}: ${error.message}`)
  if (error instanceof TooLarge)
    return problem('refused', `Cannot ${action}: the answer is over ${error.maxBytes} bytes`)
  throw error
}

/** No answer in time, none at all, or one that is not Twilio's; which, in words without an address. */
class NoAnswer extends Error {}

class TooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super()
  }
}

/**
 * The package's HTTP, replaced: the given address instead of the package's own, whatever edge or region the environment
 * asks it for; one deadline, no redirects, no log.
 */
class BoundedClient extends twilio.RequestClient {
  constructor(
    private readonly baseUrl: string,
    private readonly timeoutMs: number,
  ) {
    super()
  }

  override async request<T>(request: Parameters<twilio.RequestClient['request']>[0]) {
    const { pathname, search } = new URL(request.uri)
    const url = new URL(`${this.baseUrl}${pathname}${search}`)
    for (const [name, value] of pairs(request.params)) url.searchParams.append(name, value)
    const init: RequestInit = {
      method: request.method.toUpperCase(),
      headers: {
        ...(request.headers as Record<string, string>),
        authorization: basic(request.username ?? '', request.password ?? ''),
      },
      body: request.data === undefined ? undefined : new URLSearchParams(pairs(request.data)),
      redirect: 'manual',
    }
    const { status, headers, body } = await exchange(url, init, this.timeoutMs, maxAnswerBytes)
    return { statusCode: status, body: parsed(body, status) as T, headers: Object.fromEntries(headers) }
  }
}

/** A list is sent as its name repeated: joined by spaces, Twilio would take it, and never call back. */
const pairs = (fields: unknown): [string, string][] =>
  Object.entries((fields ?? {}) as Record<string, unknown>).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value])
      .filter((one) => one !== undefined && one !== null)
      .map((one): [string, string] => [name, String(one)]),
  )

/** A failure may come in any form, since proxies answer too; a success that is not a JSON object is none. */
function parsed(body: Uint8Array, status: number): unknown {
  try {
    const answer: unknown = JSON.parse(new TextDecoder().decode(body))
    if (typeof answer === 'object' && answer !== null) return answer
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  if (status < 400) throw new NoAnswer('Twilio gave no readable answer')
  return {}
}

type Answer = { status: number; headers: Headers; body: Uint8Array }

/** One request and its whole answer, in `timeoutMs` together. */
async function exchange(url: string | URL, init: RequestInit, timeoutMs: number, maxBytes: number): Promise<Answer> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) })
    return { status: response.status, headers: response.headers, body: await readAtMost(response, maxBytes) }
  } catch (error) {
    throw error instanceof TooLarge ? error : new NoAnswer(silenceOf(error))
  }
}

function silenceOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'Twilio did not answer in time'
  const code = error instanceof Error && 'code' in error ? ` (${error.code})` : ''
  return `Twilio cannot be reached${code}`
}

async function readAtMost(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxBytes) throw new TooLarge(maxBytes)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

function wholeSeconds(text: string | null | undefined): number | null {
  const seconds = Number.parseInt(text ?? '', 10)
  return Number.isInteger(seconds) && seconds >= 0 ? seconds * 1000 : null
}

function instant(time: Date | null | undefined): number | null {
  const epochMs = time?.getTime() ?? Number.NaN
  return Number.isNaN(epochMs) ? null : epochMs
}
