// Every setting: its name, unit, default and bounds. The environment is parsed once, at the start; what is wrong with it
// is told in one list, in plain words, and no value of a secret is ever part of a message.
import { z } from 'zod'
import { leadsThroughPooler } from './lib/pooler.ts'

const address = (protocols: string[]) =>
  z.string().refine(
    (value) => {
      const url = URL.parse(value)
      return url !== null && protocols.includes(url.protocol)
    },
    { error: `must be a URL that begins with ${protocols.map((p) => `${p}//`).join(' or ')}` },
  )
/** Paths are appended to it. */
const httpAddress = address(['http:', 'https:'])
  .regex(/^[^?#]*$/, 'must be a URL without ? and #')
  .transform((value) => value.replace(/\/+$/, ''))
const postgresAddress = address(['postgres:', 'postgresql:'])
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** `name:base64` pairs, newest first; each key is 32 bytes. */
const keyRing = z.string().transform((value, context): { id: string; key: Uint8Array }[] => {
  const ring = value.split(',').map((pair) => {
    const [id = '', encoded = ''] = pair.trim().split(':')
    return { id, key: new Uint8Array(Buffer.from(encoded, 'base64')) }
  })
  const names = new Set(ring.map(({ id }) => id))
  if (names.size < ring.length || ring.some(({ id, key }) => !/^[\w-]{1,32}$/.test(id) || key.length !== 32)) {
    context.addIssue({
      code: 'custom',
      message:
        'must be name:base64 pairs of 32 bytes each, separated by commas, no name twice (try `openssl rand -base64 32`)',
    })
    return z.NEVER
  }
  return ring
})

/** The settings, by their environment names. The README's table is written from this. */
const settings = z.object({
  PORT: whole(0, 65_535).default(3000),
  HOST: z.string().min(1).default('0.0.0.0'),
  PUBLIC_BASE_URL: httpAddress.optional(),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], { error: 'must be debug, info, warn, error or silent' })
    .default('info'),

  DATABASE_URL: postgresAddress.optional(),
  DATABASE_LISTEN_URL: postgresAddress.optional(),
  DATABASE_ADMIN_URL: postgresAddress.optional(),
  DATABASE_POOL_SIZE: whole(2, 200).default(10),
  FRONTDESK_KEYS: keyRing.optional(),
  FALLBACK_ORGANIZATION_ID: z.uuid({ error: 'must be an organization id (a UUID)' }).optional(),

  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(/^AC[0-9a-fA-F]{32}$/, 'must be AC and 32 hexadecimal digits')
    .optional(),
  TWILIO_AUTH_TOKEN: z.string().min(1).optional(),
  TWILIO_API_BASE_URL: httpAddress.default('https://api.twilio.com'),

  OPENAI_API_KEY: z.string().min(1).optional(),
  OPENAI_BASE_URL: httpAddress.default('https://api.openai.com/v1'),
  OPENAI_REALTIME_MODEL: z.string().min(1).default('gpt-realtime-2.1'),
  OPENAI_REALTIME_MINI_MODEL: z.string().min(1).default('gpt-realtime-2.1-mini'),
  OPENAI_SUPERVISOR_MODEL: z.string().min(1).default('gpt-5.4'),
  OPENAI_TRANSCRIPTION_MODEL: z.string().min(1).default('gpt-transcribe'),
  OPENAI_ANALYSIS_MODEL: z.string().min(1).default('gpt-5.4-mini'),

  RESEND_API_KEY: z.string().min(1).optional(),
  RESEND_BASE_URL: httpAddress.default('https://api.resend.com'),
  MAIL_FROM: z
    .string()
    .regex(/^([^<>]*<[^\s@<>]+@[^\s@<>]+>|[^\s@<>]+@[^\s@<>]+)$/, 'must be an address, alone or as Name <address>')
    .default('Frontdesk <frontdesk@localhost.invalid>'),

  SUPABASE_URL: httpAddress.optional(),
  SUPABASE_SERVICE_ROLE_KEY: z.string().min(1).optional(),
  RECORDINGS_BUCKET: z.string().min(1).default('recordings'),
  RECORDINGS_FOLDER: z.string().min(1).default('.frontdesk/recordings'),

  MAX_CALL_MINUTES: whole(1, 60).default(15),
  DRAIN_SECONDS: whole(0, 290).default(240),
})

export type Config = Omit<z.infer<typeof settings>, 'PUBLIC_BASE_URL' | 'FRONTDESK_KEYS'> & {
  PUBLIC_BASE_URL: string
  FRONTDESK_KEYS: { id: string; key: Uint8Array }[]
}

export type ConfigResult = { ok: true; config: Config } | { ok: false; problems: string[] }

/** Reads the environment. An empty value counts as absent. Problems name the setting and say what it must be. */
export function loadConfig(
  environment: Record<string, string | undefined>,
  assumed: Partial<Config> = {},
): ConfigResult {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([name, value]) => name in settings.shape && value),
  )
  const parsed = settings.safeParse(given)
  const problems = parsed.success ? [] : parsed.error.issues.map(inPlainWords)
  problems.push(...conflicts(new Set([...Object.keys(given), ...namesOf(assumed)])))
  if (parsed.success) problems.push(...deafness(parsed.data))
  if (!parsed.success || problems.length > 0) return { ok: false, problems }
  const values = { ...parsed.data, ...withoutGiven(assumed, given) }
  const { PUBLIC_BASE_URL = `http://localhost:${values.PORT}`, FRONTDESK_KEYS = [] } = values
  return { ok: true, config: { ...values, PUBLIC_BASE_URL, FRONTDESK_KEYS } }
}

const inPlainWords = (issue: z.core.$ZodIssue): string => `${issue.path.join('.')} ${issue.message}`

/** What is assumed holds only where the environment says nothing. */
const withoutGiven = <T extends object>(assumed: T, given: object): Partial<T> =>
  Object.fromEntries(
    Object.entries(assumed).filter(([name, value]) => value !== undefined && !(name in given)),
  ) as Partial<T>

const namesOf = (assumed: Partial<Config>): string[] =>
  Object.entries(assumed).flatMap(([name, value]) => (value === undefined ? [] : [name]))

/** Jobs and announcements are heard of by LISTEN, which needs a session of its own. */
function deafness({ DATABASE_URL, DATABASE_LISTEN_URL }: z.infer<typeof settings>): string[] {
  if (DATABASE_URL === undefined)
    return DATABASE_LISTEN_URL === undefined ? [] : ['DATABASE_LISTEN_URL goes with DATABASE_URL: set both, or neither']
  return leadsThroughPooler(DATABASE_LISTEN_URL ?? DATABASE_URL)
    ? ['DATABASE_LISTEN_URL must be a connection without a transaction pooler: the direct one, as the same user']
    : []
}

/** Rules between settings, of which only the presence matters: what is wrong with one is told by itself. */
function conflicts(present: ReadonlySet<string>): string[] {
  const problems: string[] = []
  for (const [one, other] of [
    ['TWILIO_ACCOUNT_SID', 'TWILIO_AUTH_TOKEN'],
    ['SUPABASE_URL', 'SUPABASE_SERVICE_ROLE_KEY'],
  ] as const) {
    if (present.has(one) !== present.has(other)) problems.push(`${one} and ${other} go together: set both, or neither`)
  }
  if (!present.has('DATABASE_URL')) return problems
  if (!present.has('PUBLIC_BASE_URL')) {
    problems.push(
      'PUBLIC_BASE_URL is missing: set it to the https:// address that Twilio calls, as Twilio is configured with it',
    )
  }
  if (!present.has('FRONTDESK_KEYS')) {
    problems.push('FRONTDESK_KEYS is missing: set it to k1:<key>, with a key from `openssl rand -base64 32`')
  }
  return problems
}

/** Fixed limits of the server: what it takes, keeps and waits for, by name and with its unit. */
export const limits = {
  /** Largest webhook body taken; Twilio's are about 1 kB. */
  webhookBodyBytes: 64 * 1024,
  /** Largest message on the media socket; a 20 ms frame is about 300 bytes. */
  mediaMessageBytes: 64 * 1024,
  /** Twilio gives up after 15 s; past this we answer with what we have. */
  webhookDeadlineMs: 8_000,
  /** For the fallback to do what could not be done before; a caller has waited already. */
  fallbackMs: 3_000,
  /** A database that answers later than this is none to take calls with. */
  readyMs: 2_000,
  /** From TwiML to the stream's `start`. */
  streamTokenMs: 60_000,
  /** Instructions may be this old, unless a change was announced. */
  instructionsCacheMs: 60_000,
  instructionsCacheEntries: 1_000,
  /** A call that has not ended so long after it was first heard of is asked for at Twilio, and again after as long. */
  reconcileMs: 10 * 60_000,
  /** Twilio lets no call be longer. One that never ended by then, as far as anybody tells, is taken as over. */
  longestCallMs: 4 * 3_600_000,
  /** After the end of a call, the mail goes out with what there is. */
  mailDeadlineMs: 10 * 60_000,
  /** So much longer, when Twilio told only then, being asked, what it had not told before. */
  lateNewsMs: 60_000,
  /** A stream that is over gives its last words within this; then whoever had it died with them. */
  settleStreamMs: 20_000,
  /** Events waiting to be written, of one call. */
  journalEvents: 2_000,
  /** An event waits so long for others that one transaction can take with it. */
  journalGatherMs: 100,
  /** The pause after the first attempt to write them, which doubles up to the longest: some three minutes in all. */
  journalRetryMs: 200,
  journalLongestRetryMs: 10_000,
  journalAttempts: 24,
  voicemailSeconds: 120,
  /** Largest body of a request to the API. */
  apiBodyBytes: 16 * 1024,
  /** A call that another system asked for is not placed later than this. */
  placeWithinMs: 15 * 60_000,
  /** A caller and the person they were put through to may talk for so long. */
  transferSeconds: 2 * 3_600,
  /** From the end of that person's leg to the request that tells how it went. */
  transferWordMs: 60_000,
  /** A call that began longer ago than this counts as over, though nobody said so. */
  liveCallMs: 60 * 60_000,
  /** Streams of one call after its first; past that the tape. */
  resumptions: 5,
  /** Turns of an interrupted call that the model is given again. */
  historyTurns: 60,
  /** Of one tool over the clinic's data. */
  clinicToolMs: 3_000,
  /** Failed tries to show who is calling, in one conversation; after that only a message can be left. */
  identityAttempts: 3,
  /** Patients that one conversation may come to act for (a parent with children), and appointments it may make. */
  patientsPerConversation: 4,
  bookingsPerConversation: 4,
  /** Slots offered at once, and how long they are kept for the caller. */
  slotsOffered: 3,
  slotHoldMs: 2 * 60_000,
  /** Visits begin in steps of this much from the beginning of a session. */
  slotStepMinutes: 15,
  /** The nearest and the farthest that a visit can be booked ahead. */
  bookingLeadMs: 30 * 60_000,
  bookingHorizonDays: 120,
  vendorRequestMs: 8_000,
  /** Of a server that is asked whether it would take a call: one request, and the most of its answer that is read. */
  rehearsalMs: 8_000,
  rehearsalAnswerBytes: 64 * 1024,
  /** Clinics that the doctor looks at, and at once. */
  examinedClinics: 500,
  examinedAtOnce: 8,
  /** How far clocks may be apart: worth a word, and too far for tokens and holds that last a minute or two. */
  clockSkew: { warnMs: 2_000, failMs: 30_000 },
  analysisDeadlineMs: 30_000,
  /** Jobs run at once by one process, and how long a delayed one may wait beyond its time. */
  jobsAtOnce: 8,
  jobPollMs: 2_000,
  /** One hour in two channels is about 115 MB. */
  recordingBytes: 200 * 1024 * 1024,
  /** To fetch a recording, and to put it away: together less than a job may take. */
  recordingTransferMs: 50_000,
} as const
