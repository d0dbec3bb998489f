// What a clinic can choose about its telephone, with defaults that suit a clinic out of the box. Kept as JSON in
// organizations.settings; anything missing has its default, anything unknown is kept and ignored.
import { z } from 'zod'
import { isE164 } from '../lib/phone.ts'

const voices = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'] as const

/**
 * What a caller must show before anything of a patient is told or changed: full name and date of birth; or a call from a
 * number that the patient gave, and one of the two.
 */
export const identityPolicies = ['name-and-birth-date', 'known-number-plus-fact'] as const

/** single: one agent does everything. two_agent: a receptionist talks, and asks a supervisor for what takes thought or tools. */
export const agentModes = ['single', 'two_agent'] as const
export type AgentMode = (typeof agentModes)[number]

const voiceSettings = z
  .object({
    /** Null: the deployment's model. */
    model: z.string().nullable().default(null),
    voice: z.enum(voices).default('marin'),
    transcriptionModel: z.string().nullable().default(null),
    noiseReduction: z.enum(['near_field', 'far_field']).nullable().default(null),
    /** How loud, 0 to 1, and how long a silence ends the caller's turn. */
    vadThreshold: z.number().min(0).max(1).default(0.5),
    vadPrefixMs: z.number().int().min(0).max(2_000).default(300),
    vadSilenceMs: z.number().int().min(200).max(3_000).default(500),
    /**
     * How long a caller must go on speaking over the agent to cut it off. What is shorter is weighed by its words, and "mm-hm" passes;
     * any other short word cuts it off when it is understood. 0: any sound does, at once.
     */
    interruptMs: z.number().int().min(0).max(2_000).default(0),
  })
  .prefault({})

/** Null: no limit. */
const limit = (usual: number) => z.number().nonnegative().nullable().default(usual)
/** In the clinic's own language. */
const sentence = z.string().trim().min(1).max(300).nullable().default(null)

/** What the clinic's telephone may cost and carry. Days and months are the clinic's own; money is US dollars for the models. */
const limitSettings = z
  .object({
    callsAtOnce: limit(20),
    /** Calls from one number that an agent is given to, in so many minutes. A withheld number is none. */
    callsPerCaller: limit(10),
    callerWindowMinutes: z.number().int().min(1).max(1_440).default(60),
    usdPerCall: limit(5),
    usdPerDay: limit(100),
    usdPerMonth: limit(1_500),
    /** Calls that we place: in a day, and to one number in a day. */
    outboundPerDay: limit(100),
    outboundPerNumber: limit(3),
    /** Null, of these and the others that the carrier speaks: as src/calls/wording.ts has it. */
    busyMessage: sentence,
    tooOftenMessage: sentence,
    /** What a caller gets when the money of the call, the day or the month is spent. */
    whenSpent: z.enum(['voicemail', 'goodbye']).default('voicemail'),
    spentMessage: sentence,
  })
  .prefault({})
export type LimitSettings = z.infer<typeof limitSettings>

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time of day, as 08:30')

/** Days and times of the clinic's own calendar and clock. `days`: 1 is Monday. */
const weeklyHours = z.array(
  z.object({ days: z.array(z.number().int().min(1).max(7)).min(1), from: clockTime, until: clockTime }),
)

/** Whom callers can be put through to, and how. Nobody else can be dialled, whatever a caller or a model says. */
const transferSettings = z
  .object({
    targets: z
      .array(
        z.object({
          /** As callers and the agent call them: the nurse, billing. */
          name: z.string().trim().min(1).max(60),
          phoneNumber: z.string().refine(isE164, 'must be in E.164 form, as +15551234567'),
          /** Null: always. */
          hours: weeklyHours.nullable().default(null),
        }),
      )
      .max(20)
      .default([]),
    /** Who answers is told that it is for them, and takes the call by pressing 1; a mailbox cannot. */
    isWarm: z.boolean().default(true),
    /** What else they hear before they take it. Whoever answers hears it. */
    whisper: z.enum(['nothing', 'reason', 'name-and-reason']).default('nothing'),
    ringSeconds: z.number().int().min(5).max(120).default(20),
    /** Where the caller goes when nobody takes the call. */
    fallback: z.enum(['agent', 'voicemail']).default('agent'),
  })
  .prefault({})
export type TransferTarget = z.infer<typeof transferSettings>['targets'][number]

/** What is done at once, by code, when a caller says words of an emergency. */
const emergencySettings = z
  .object({
    isOn: z.boolean().default(true),
    /** Null: those in src/agents/emergency.ts, in every language that it knows. */
    phrases: z.array(z.string().trim().min(2).max(80)).max(300).nullable().default(null),
    /** Said word for word. Null: that it sounds like an emergency, and to hang up and call the number below. */
    message: sentence,
    /** As callers know it, 911 or 112. Null: "the emergency number". */
    number: z.string().trim().min(2).max(20).nullable().default(null),
    /** The name of one of the people that callers can be put through to, who is rung. Null: nobody. */
    contact: z.string().nullable().default(null),
  })
  .prefault({})

const keypadSettings = z
  .object({
    /** Of the people that callers can be put through to, the one whom the key 0 rings, pressed by itself. Null: nobody. */
    operator: z.string().nullable().default(null),
  })
  .prefault({})

/** Calls that we place, for whatever reason. Nobody is called outside of [from, until) on the clinic's own clock. */
const outboundSettings = z
  .object({
    from: clockTime.default('08:00'),
    until: clockTime.default('21:00'),
    /** Only numbers that begin with one of these are called. */
    prefixes: z
      .array(z.string().regex(/^\+[1-9]\d{0,13}$/, 'must be the beginning of a number, as +1'))
      .max(50)
      .default(['+1']),
    ringSeconds: z.number().int().min(5).max(120).default(25),
    /** Spoken to an answering machine; null: who called, and that they would like to be called back. */
    machineMessage: sentence,
  })
  .refine(({ from, until }) => from < until, 'from must be before until')
  .prefault({})

/** Reminders of the next day's appointments: planned at this time of day, for clinics that want them. */
const reminderSettings = z.object({ isOn: z.boolean().default(false), at: clockTime.default('10:00') }).prefault({})

export const organizationSettings = z
  .looseObject({
    outbound: outboundSettings,
    reminders: reminderSettings,
    transfer: transferSettings,
    emergency: emergencySettings,
    keypad: keypadSettings,
    voice: voiceSettings,
    limits: limitSettings,
    /** Those that the agent speaks besides the clinic's own, as BCP 47 tags. */
    languages: z
      .array(z.string().regex(/^[a-z]{2,3}(-[A-Z]{2})?$/, 'must be a language, as es or es-MX'))
      .max(20)
      .default([]),
    agentMode: z.enum(agentModes).default('single'),
    /** Null: the deployment's model. */
    supervisorModel: z.string().nullable().default(null),
    recordCalls: z.boolean().default(true),
    identityPolicy: z.enum(identityPolicies).default('name-and-birth-date'),
    /** False: the agent takes messages and answers questions, and touches no calendar. */
    bookByPhone: z.boolean().default(true),
    /** What callers ask about, by topic: address, parking, insurance. The agent may say all of it to anybody. */
    about: z.record(z.string().min(1).max(40), z.string().min(1).max(500)).default({}),
    recordingNotice: sentence,
  })
  .superRefine(({ transfer, emergency, keypad }, context) => {
    const chosen = [
      [['emergency', 'contact'], emergency.contact],
      [['keypad', 'operator'], keypad.operator],
    ] as const
    for (const [path, name] of chosen) {
      if (name === null || transfer.targets.some((target) => target.name === name)) continue
      context.addIssue({ code: 'custom', path: [...path], message: 'must be the name of one of transfer.targets' })
    }
  })
  .prefault({})
export type OrganizationSettings = z.infer<typeof organizationSettings>

/** The clinic's own language first, then the others that its agent speaks. */
export const languagesOf = ({ language, settings }: { language: string; settings: OrganizationSettings }): string[] => [
  ...new Set([language, ...settings.languages]),
]
