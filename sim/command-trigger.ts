// `sim trigger`: one signed callback by hand, with any field changed, left out, or sent twice. What it can send is listed once,
// with the fields that the carrier's documents give; nothing of the carrier itself is needed, since no call is up.
import { randomBytes } from 'node:crypto'
import { signForm } from './carrier/signature.ts'
import { readDevNote } from './dev-door.ts'
import { createLoopbackNetwork } from './loopback.ts'
import { Mistake } from './mistake.ts'

export type TriggerFlags = {
  call: string
  override: string[]
  skip: string[]
  twice?: boolean
  target?: string
  authToken?: string
  accountSid?: string
  publicUrl?: string
  json?: boolean
}

type Callback = { path: string; about: string; form(sids: Sids): Record<string, string> }
type Sids = { callSid: string; accountSid: string; now: Date }

const sid = (prefix: string): string => prefix + randomBytes(16).toString('hex')
const rfc2822 = (at: Date): string => at.toUTCString().replace('GMT', '+0000')

const parties = { From: '+15550102030', To: '+15551234567', Direction: 'inbound', ApiVersion: '2010-04-01' }
const status = (state: string): Callback => ({
  path: '/api/twilio/status',
  about: `the call is ${state}`,
  form: ({ now }) => ({
    ...parties,
    CallStatus: state,
    Duration: '1',
    CallDuration: '17',
    SequenceNumber: '0',
    CallbackSource: 'call-progress-events',
    Timestamp: rfc2822(now),
  }),
})
const recording = (state: string): Callback => ({
  path: '/api/twilio/recording',
  about: `a recording is ${state}`,
  form: ({ accountSid, now }) => {
    const recordingSid = sid('RE')
    return {
      RecordingSid: recordingSid,
      RecordingUrl: `https://api.twilio.com/2010-04-01/Accounts/${accountSid}/Recordings/${recordingSid}`,
      RecordingStatus: state,
      RecordingDuration: state === 'completed' ? '15' : '-1',
      RecordingChannels: '2',
      RecordingStartTime: rfc2822(now),
      RecordingSource: 'StartCallRecordingAPI',
      RecordingTrack: 'both',
      ErrorCode: '0',
    }
  },
})
const stream = (event: string): Callback => ({
  path: '/api/twilio/stream-status',
  about: `a media stream reports ${event}`,
  form: ({ now }) => {
    const streamSid = sid('MZ')
    return { StreamSid: streamSid, StreamName: streamSid, StreamEvent: event, Timestamp: now.toISOString() }
  },
})

/** Fields as Twilio's documents give them, by the name that `sim trigger` takes. */
export const callbacks: Record<string, Callback> = {
  'status.ringing': status('ringing'),
  'status.in-progress': status('in-progress'),
  'status.completed': status('completed'),
  'status.busy': status('busy'),
  'status.failed': status('failed'),
  'status.no-answer': status('no-answer'),
  'status.canceled': status('canceled'),
  'recording.in-progress': recording('in-progress'),
  'recording.completed': recording('completed'),
  'recording.absent': recording('absent'),
  'stream.started': stream('stream-started'),
  'stream.stopped': stream('stream-stopped'),
  'stream.error': stream('stream-error'),
}

export async function triggerCommand(event: string, flags: TriggerFlags): Promise<void> {
  const sent = await trigger(event, flags)
  if (flags.json) console.log(JSON.stringify(sent))
  else for (const answered of sent.statuses) console.log(`${sent.path}  ${sent.about}  → ${answered}`)
  process.exitCode = sent.statuses.every((answered) => answered < 300) ? 0 : 1
}

export type Sent = {
  event: string
  path: string
  about: string
  url: string
  form: Record<string, string>
  /** Of the answers. */
  statuses: number[]
}

/** Throws a Mistake when there is no such event, call or server, or an override cannot be read. */
export async function trigger(event: string, flags: TriggerFlags): Promise<Sent> {
  const callback = callbacks[event]
  if (callback === undefined)
    throw new Mistake(`There is no event "${event}". There are:\n  ${Object.keys(callbacks).join('\n  ')}`)
  if (!/^CA[0-9a-f]{32}$/.test(flags.call))
    throw new Mistake('--call takes a CallSid: CA and 32 hexadecimal digits, as "sim call" prints it.')
  const server = await serverOf(flags)
  const form = changed(
    {
      CallSid: flags.call,
      AccountSid: server.accountSid,
      ...callback.form({ callSid: flags.call, accountSid: server.accountSid, now: new Date() }),
    },
    flags,
  )
  const url = server.publicBaseUrl + callback.path
  const headers = {
    'content-type': 'application/x-www-form-urlencoded',
    'x-twilio-signature': signForm(server.authToken, url, Object.entries(form)),
    'i-twilio-idempotency-token': randomBytes(16).toString('hex'),
  }
  const send = async () => {
    const body = new URLSearchParams(form)
    const answer = await server.network.fetch(url, { method: 'POST', headers, body }).catch((error: Error) => {
      throw new Mistake(`Nobody answers at ${server.origin}: ${error.message}`)
    })
    return answer.status
  }
  const statuses = await Promise.all(flags.twice ? [send(), send()] : [send()])
  return { event, path: callback.path, about: callback.about, url, form, statuses }
}

function changed(form: Record<string, string>, { override, skip }: TriggerFlags): Record<string, string> {
  const pairs = override.map((text): [string, string] => {
    const at = text.indexOf('=')
    if (at < 1) throw new Mistake(`--override takes Name=value, not "${text}".`)
    return [text.slice(0, at), text.slice(at + 1)]
  })
  return Object.fromEntries(
    Object.entries({ ...form, ...Object.fromEntries(pairs) }).filter(([name]) => !skip.includes(name)),
  )
}

/** The server of a running `bun dev`, or the one that was named. */
async function serverOf({ target, authToken, accountSid, publicUrl }: TriggerFlags) {
  const note = await readDevNote()
  if (target === undefined && note === null)
    throw new Mistake('No server is known: start "bun dev", or name one with --target and --auth-token.')
  const isDev = target === undefined && note !== null
  const origin = new URL(isDev ? note.server : (target ?? '')).origin
  const known = isDev ? note : { publicBaseUrl: publicUrl ?? origin, accountSid, authToken }
  if (known.authToken === undefined || known.accountSid === undefined) {
    throw new Mistake('--target needs --auth-token and --account-sid: what the server knows the Twilio account by.')
  }
  const network = createLoopbackNetwork({ hosts: { [new URL(known.publicBaseUrl).host]: origin } })
  const { publicBaseUrl } = known
  return { network, origin, publicBaseUrl, accountSid: known.accountSid, authToken: known.authToken }
}
