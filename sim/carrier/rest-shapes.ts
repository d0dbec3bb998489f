// What the REST API answers with: calls, recordings, conferences, pages and errors, by Twilio's own keys.
// Source: github.com/twilio/twilio-oai, spec/json/twilio_api_v2010.json. Numbers that Twilio sends as strings are strings.
import type { CarrierRecord, ForkRecord } from '../record.ts'
import type { Conference, Member } from './conferences.ts'
import type { CarrierAccount } from './exchange.ts'
import type { Message } from './messages.ts'
import type { OwnedNumber } from './numbers.ts'
import { API_VERSION, callSeconds } from './params.ts'
import { durationText, NOTHING_KEPT, type Recording } from './recordings.ts'
import { rfc2822 } from './times.ts'

const accountPath = (accountSid: string) => `/${API_VERSION}/Accounts/${accountSid}`
const callPath = ({ accountSid, callSid }: CarrierRecord) => `${accountPath(accountSid)}/Calls/${callSid}`
const time = (epochMs: number | null) => (epochMs === null ? null : rfc2822(epochMs))

export function accountJson({ accountSid, authToken }: CarrierAccount, createdAtMs: number) {
  const path = accountPath(accountSid)
  const parts = ['calls', 'conferences', 'incoming_phone_numbers', 'messages', 'recordings']
  return {
    sid: accountSid,
    owner_account_sid: accountSid,
    friendly_name: 'The account of the simulator',
    status: 'active',
    type: 'Full',
    auth_token: authToken,
    date_created: time(createdAtMs),
    date_updated: time(createdAtMs),
    uri: `${path}.json`,
    subresource_uris: Object.fromEntries(parts.map((name) => [name, `${path}/${pascal(name)}.json`])),
  }
}

const callSubresources = [
  'notifications',
  'recordings',
  'payments',
  'events',
  'siprec',
  'streams',
  'transcriptions',
  'user_defined_message_subscriptions',
  'user_defined_messages',
]
const pascal = (name: string) => name.replace(/(^|_)([a-z])/g, (_, __, letter: string) => letter.toUpperCase())

export function callJson(record: CarrierRecord) {
  const path = callPath(record)
  return {
    sid: record.callSid,
    account_sid: record.accountSid,
    parent_call_sid: record.parentCallSid,
    to: record.to,
    to_formatted: record.to,
    from: record.from,
    from_formatted: record.from,
    phone_number_sid: null,
    status: record.status,
    start_time: time(record.ringingAtMs),
    end_time: time(record.endedAtMs),
    duration: record.endedAtMs === null ? null : String(callSeconds(record)),
    price: null,
    price_unit: 'USD',
    direction: record.direction,
    answered_by: record.detection?.answeredBy ?? null,
    api_version: API_VERSION,
    forwarded_from: record.fields?.ForwardedFrom ?? null,
    group_sid: null,
    caller_name: record.fields?.CallerName ?? null,
    queue_time: String(record.queuedMs ?? 0),
    trunk_sid: null,
    date_created: time(record.ringingAtMs),
    date_updated: time(record.endedAtMs ?? record.answeredAtMs ?? record.ringingAtMs),
    uri: `${path}.json`,
    subresource_uris: Object.fromEntries(callSubresources.map((name) => [name, `${path}/${pascal(name)}.json`])),
  }
}

export function recordingJson(recording: Recording) {
  const { recordingSid, call, channels, track, source, startedAtMs } = recording
  const { accountSid, callSid } = call.record
  const durationMs = recording.durationMs()
  const status = recording.status()
  return {
    sid: recordingSid,
    account_sid: accountSid,
    call_sid: callSid,
    conference_sid: null,
    api_version: API_VERSION,
    status,
    duration: durationMs === null ? null : durationText(durationMs),
    channels,
    track,
    source,
    start_time: time(startedAtMs),
    price: null,
    price_unit: 'USD',
    error_code: status === 'absent' ? NOTHING_KEPT : null,
    encryption_details: null,
    date_created: time(startedAtMs),
    date_updated: time(startedAtMs + (durationMs ?? 0)),
    media_url: recording.url,
    uri: `${accountPath(accountSid)}/Recordings/${recordingSid}.json`,
    subresource_uris: {},
  }
}

export function conferenceJson(conference: Conference) {
  const { conferenceSid, accountSid, name, createdAtMs } = conference
  const path = `${accountPath(accountSid)}/Conferences/${conferenceSid}`
  const ending = conference.ending()
  return {
    sid: conferenceSid,
    account_sid: accountSid,
    friendly_name: name,
    status: conference.status(),
    region: 'us1',
    api_version: API_VERSION,
    reason_conference_ended: ending?.reason ?? null,
    call_sid_ending_conference: ending?.callSid ?? null,
    date_created: time(createdAtMs),
    date_updated: time(createdAtMs),
    uri: `${path}.json`,
    subresource_uris: { participants: `${path}/Participants.json`, recordings: `${path}/Recordings.json` },
  }
}

type Participant = Pick<Member, 'callSid' | 'label' | 'startsOnEnter' | 'endsOnExit' | 'joinedAtMs'> & {
  seat: Pick<Member['seat'], 'isMuted' | 'isOnHold'>
}

export function participantJson(conference: Conference, member: Participant, status: 'queued' | 'connected') {
  const { conferenceSid, accountSid } = conference
  const { callSid, label, startsOnEnter, endsOnExit, joinedAtMs, seat } = member
  return {
    account_sid: accountSid,
    call_sid: callSid,
    label,
    conference_sid: conferenceSid,
    call_sid_to_coach: null,
    coaching: false,
    muted: seat.isMuted,
    hold: seat.isOnHold,
    start_conference_on_enter: startsOnEnter,
    end_conference_on_exit: endsOnExit,
    status,
    queue_time: '0',
    date_created: time(joinedAtMs),
    date_updated: time(joinedAtMs),
    uri: `${accountPath(accountSid)}/Conferences/${conferenceSid}/Participants/${callSid}.json`,
  }
}

export function streamJson(
  accountSid: string,
  callSid: string,
  { streamSid, name, endedAtMs, startedAtMs }: ForkRecord,
) {
  return {
    sid: streamSid,
    account_sid: accountSid,
    call_sid: callSid,
    name,
    status: endedAtMs === null ? 'in-progress' : 'stopped',
    date_updated: time(endedAtMs ?? startedAtMs),
    uri: `${accountPath(accountSid)}/Calls/${callSid}/Streams/${streamSid}.json`,
  }
}

export function numberJson(number: OwnedNumber) {
  const { numberSid, accountSid, changedAtMs } = number
  return {
    sid: numberSid,
    account_sid: accountSid,
    phone_number: number.phoneNumber,
    friendly_name: number.friendlyName,
    voice_url: number.voiceUrl,
    voice_method: number.voiceMethod,
    voice_fallback_url: number.voiceFallbackUrl,
    voice_fallback_method: number.voiceFallbackMethod,
    voice_caller_id_lookup: false,
    voice_application_sid: number.voiceApplicationSid || null,
    voice_receive_mode: 'voice',
    sms_url: number.smsUrl,
    sms_method: number.smsMethod,
    sms_fallback_url: number.smsFallbackUrl,
    sms_fallback_method: number.smsFallbackMethod,
    sms_application_sid: '',
    status_callback: number.statusCallback,
    status_callback_method: number.statusCallbackMethod,
    trunk_sid: null,
    address_sid: null,
    address_requirements: 'none',
    identity_sid: null,
    bundle_sid: null,
    emergency_status: 'Inactive',
    emergency_address_sid: null,
    emergency_address_status: 'unregistered',
    capabilities: { voice: true, sms: true, mms: true, fax: false },
    beta: false,
    origin: 'twilio',
    status: 'in-use',
    type: 'local',
    api_version: API_VERSION,
    date_created: time(changedAtMs),
    date_updated: time(changedAtMs),
    uri: `${accountPath(accountSid)}/IncomingPhoneNumbers/${numberSid}.json`,
  }
}

export function messageJson(message: Message) {
  const { messageSid, accountSid, errorCode, sentAtMs } = message
  const path = `${accountPath(accountSid)}/Messages/${messageSid}`
  return {
    sid: messageSid,
    account_sid: accountSid,
    messaging_service_sid: message.serviceSid,
    to: message.to,
    from: message.from,
    body: message.body,
    status: message.status,
    direction: message.direction,
    num_segments: ['accepted', 'scheduled'].includes(message.status) ? '0' : String(message.segments),
    num_media: String(message.mediaUrls.length),
    price: null,
    price_unit: 'USD',
    error_code: errorCode,
    error_message: errorCode === null ? null : (messageProblems[errorCode] ?? null),
    api_version: API_VERSION,
    date_created: time(message.createdAtMs),
    date_sent: time(sentAtMs),
    date_updated: time(message.changedAtMs),
    uri: `${path}.json`,
    subresource_uris: { media: `${path}/Media.json` },
  }
}

/** What a message that did not arrive is said to have come to. [mem] */
const messageProblems: Record<number, string> = { 30003: 'Unreachable destination handset' }

/** One page of a list; `path` and `query` are those of the request. */
export function pageJson<T>(key: string, items: readonly T[], path: string, query: URLSearchParams) {
  const page = whole(query.get('Page'), 0)
  const pageSize = Math.min(PAGE_SIZE_MAX, Math.max(1, whole(query.get('PageSize'), PAGE_SIZE)))
  const start = page * pageSize
  const shown = items.slice(start, start + pageSize)
  const uriOf = (number: number) => {
    const numbered = new URLSearchParams(query)
    numbered.set('PageSize', String(pageSize))
    numbered.set('Page', String(number))
    return `${path}?${numbered}`
  }
  return {
    [key]: shown,
    page,
    page_size: pageSize,
    start,
    end: start + Math.max(0, shown.length - 1),
    uri: uriOf(page),
    first_page_uri: uriOf(0),
    previous_page_uri: page === 0 ? null : uriOf(page - 1),
    next_page_uri: start + pageSize < items.length ? uriOf(page + 1) : null,
  }
}

const PAGE_SIZE = 50
const PAGE_SIZE_MAX = 1000
const whole = (text: string | null, fallback: number) => (text !== null && /^\d+$/.test(text) ? Number(text) : fallback)

/** HTTP status and words for Twilio's REST error codes; those of messages but 21610, and 20001, 20004, 21502 [mem]. */
const errors: Record<number, { status: number; message: string }> = {
  20001: { status: 400, message: 'Invalid parameter' },
  20003: { status: 401, message: 'Authenticate' },
  20004: { status: 405, message: 'Method not allowed' },
  20404: { status: 404, message: 'The requested resource was not found' },
  20429: { status: 429, message: 'Too Many Requests' },
  20503: { status: 503, message: 'Service unavailable' },
  20500: { status: 500, message: 'An internal server error has occurred' },
  21502: { status: 400, message: 'Invalid URL' },
  21602: { status: 400, message: 'Message body is required.' },
  21603: { status: 400, message: "A 'From' phone number is required." },
  21604: { status: 400, message: "A 'To' phone number is required." },
  21606: { status: 400, message: "The 'From' phone number provided is not a valid message-capable phone number." },
  21610: { status: 400, message: 'Attempt to send to unsubscribed recipient' },
  21617: { status: 400, message: 'The concatenated message body exceeds the 1600 character limit' },
  21205: { status: 400, message: 'Url or Twiml is required' },
  21210: { status: 400, message: "The source phone number provided, 'From', is not yet verified for your account" },
  21211: { status: 400, message: "Invalid 'To' Phone Number" },
  21217: { status: 400, message: 'Phone number does not appear to be valid' },
  21608: {
    status: 400,
    message: 'The number is unverified. Trial accounts cannot send messages to unverified numbers',
  },
  21614: { status: 400, message: "'To' number is not a valid mobile number" },
  21609: { status: 400, message: "Invalid 'StatusCallback' URL" },
  21220: { status: 400, message: 'Call is not in-progress. Cannot redirect.' },
}

/** The error as an answer: JSON where the path asks for it, else XML, as for a recording's media. */
export function errorResponse(code: number, path: string, message?: string): Response {
  const known = errors[code] ?? { status: 400, message: 'Bad request' }
  const words = message ?? known.message
  const moreInfo = `https://www.twilio.com/docs/errors/${code}`
  if (path.endsWith('.json')) {
    return Response.json({ code, message: words, more_info: moreInfo, status: known.status }, { status: known.status })
  }
  const parts = `<Code>${code}</Code><Message>${words}</Message><MoreInfo>${moreInfo}</MoreInfo><Status>${known.status}</Status>`
  const xml = `<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><RestException>${parts}</RestException></TwilioResponse>`
  return new Response(xml, { status: known.status, headers: { 'content-type': 'application/xml' } })
}

export const notFound = (path: string): Response =>
  errorResponse(20404, path, `The requested resource ${path} was not found`)
