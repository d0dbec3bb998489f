// What a fixture's YAML may say: the shape, its defaults and its limits, and how it becomes the scripts that the stand-ins
// run. fixtures/README.md explains it to people. Audio is named here by its file, and read elsewhere.
import { z } from 'zod'
import { callerPattern } from './carrier/numbers.ts'
import { processFaultsIn } from './chaos/schedule.ts'
import { strikeShape } from './chaos/strikes.ts'
import { areDated, desk, messages, records, refused } from './fixture-records.ts'
import { malformedIn } from './model/references.ts'
import { transcriptFates, USUAL_SETTINGS } from './model/settings.ts'
import type { Answering, CallerStep, Fixture, ModelOutput, Thought } from './script.ts'

const E164 = /^\+[1-9]\d{6,14}$/
const LONGEST_WAIT_MS = 10 * 60 * 1000
const LONGEST_WORDS = 2_000

const words = z.string().trim().min(1, 'must not be empty').max(LONGEST_WORDS)
const waitMs = z.number().int().min(0).max(LONGEST_WAIT_MS)
const phoneNumber = z.string().regex(E164, "must be a number in E.164 form, in quotes: '+15551234567'")

const cues = [
  'answered',
  'time',
  'agent-finished',
  'agent-speaking',
  'saying',
  'said',
  'waiting',
  'connected',
  'returned',
] as const
const onlyTrue = z.literal(true, 'can only be true').optional()

/** What the model says or asks for, with references to what tools have answered. */
const withReferences = (given: unknown, context: z.core.$RefinementCtx): void => {
  for (const wrong of malformedIn(JSON.stringify(given) ?? ''))
    context.addIssue({
      code: 'custom',
      message: `${wrong} is no reference; it is written {{last.TOOL.field}}, of what that tool answered last`,
    })
}
const scriptedWords = words.superRefine(withReferences)
const scriptedArguments = z.record(z.string(), z.unknown()).superRefine(withReferences)

const callerStep = z
  .strictObject({
    on: z.enum(cues),
    heardMs: waitMs.optional(),
    waitMs: waitMs.default(0),
    say: words.optional(),
    audio: z.string().optional(),
    voice: z.string().optional(),
    press: z
      .string()
      .regex(/^[0-9*#]{1,32}$/, "must be keys of a telephone, in quotes: '12#'")
      .optional(),
    beep: onlyTrue,
    listen: onlyTrue,
    hangUp: onlyTrue,
  })
  .superRefine((step, context) => {
    const fault = (message: string, field?: string) =>
      context.addIssue({ code: 'custom', message, path: field === undefined ? [] : [field] })
    const acts = [step.say, step.press, step.beep, step.listen, step.hangUp].filter((act) => act !== undefined)
    if (acts.length !== 1) fault('does one thing: say, press, beep, listen or hangUp')
    if (step.say !== undefined && step.audio === undefined) fault('says something, so it needs an audio file', 'say')
    if (step.say === undefined && step.audio !== undefined) fault('goes with say only', 'audio')
    if (step.say === undefined && step.voice !== undefined) fault('goes with say only', 'voice')
    if (step.on === 'agent-speaking' && step.heardMs === undefined)
      fault('needs heardMs: how much the caller hears first', 'on')
    if (step.on === 'time' && step.press === undefined && step.hangUp === undefined)
      fault('goes with press and hangUp only', 'on')
    if (step.on !== 'agent-speaking' && step.heardMs !== undefined)
      fault('goes with on: agent-speaking only', 'heardMs')
  })

/** What the model must have been told by then. */
const knows = z.array(words).min(1).optional()

/** What somebody does on the telephone, step after step. */
const steps = z
  .array(callerStep)
  .max(100)
  .superRefine((given, context) => {
    given.forEach((step, place) => {
      const hasSpoken = given.slice(0, place).some(({ say, beep }) => say !== undefined || beep !== undefined)
      if ((step.on === 'saying' || step.on === 'said') && !hasSpoken)
        context.addIssue({ code: 'custom', message: 'needs a step before it that says something', path: [place, 'on'] })
    })
  })

const answers = z.union(
  [waitMs, z.enum(['busy', 'never', 'unreachable'])],
  'must be the milliseconds of ringing, or busy, never or unreachable',
)
const USUAL_RINGING_MS = 3_000

const call = z
  .strictObject({
    direction: z.enum(['inbound', 'outbound']).default('inbound'),
    to: phoneNumber,
    from: z
      .string()
      .regex(callerPattern, 'must be a number in E.164 form, in quotes, or anonymous, client:name or sip:name@host'),
    answers: answers.optional(),
    purpose: words.optional(),
  })
  .superRefine(({ direction, from, answers, purpose }, context) => {
    if (direction === 'outbound' && !E164.test(from))
      context.addIssue({
        code: 'custom',
        message: "must be the clinic's number where the call is outbound",
        path: ['from'],
      })
    for (const [field, given] of Object.entries({ answers, purpose })) {
      if (given !== undefined && direction === 'inbound')
        context.addIssue({ code: 'custom', message: 'goes with direction: outbound only', path: [field] })
    }
  })

const person = z.strictObject({
  number: phoneNumber,
  answers: answers.default(USUAL_RINGING_MS),
  does: steps.default([]),
})

const modelOutput = z
  .strictObject({
    say: scriptedWords.optional(),
    voice: z.string().optional(),
    call: z.string().min(1).optional(),
    arguments: scriptedArguments.optional(),
    fail: z.string().min(1).optional(),
    stop: z.enum(['max_output_tokens', 'content_filter']).optional(),
    hang: onlyTrue,
    knows,
  })
  .superRefine((output, context) => {
    const fault = (message: string, field?: string) =>
      context.addIssue({ code: 'custom', message, path: field === undefined ? [] : [field] })
    const kinds = [output.say, output.call, output.fail, output.stop, output.hang].filter((kind) => kind !== undefined)
    if (kinds.length !== 1) fault('is one thing: say, call, fail, stop or hang')
    if (output.arguments !== undefined && output.call === undefined) fault('goes with call only', 'arguments')
    if (output.voice !== undefined && output.say === undefined) fault('goes with say only', 'voice')
  })

const thought = z
  .strictObject({
    say: scriptedWords.optional(),
    call: z.string().min(1).optional(),
    arguments: scriptedArguments.optional(),
    refuse: z.number().int().min(400).max(599).optional(),
    waitMs: waitMs.optional(),
    knows,
  })
  .superRefine(({ say, call, refuse, arguments: given }, context) => {
    const kinds = [say, call, refuse].filter((kind) => kind !== undefined)
    if (kinds.length !== 1) context.addIssue({ code: 'custom', message: 'is one thing: say, call or refuse' })
    if (given !== undefined && call === undefined)
      context.addIssue({ code: 'custom', message: 'goes with call only', path: ['arguments'] })
  })

const connection = z.union(
  [z.enum(['take', 'stall']), z.strictObject({ refuse: z.number().int().min(400).max(599) })],
  'must be take, stall, or { refuse: 503 } with an HTTP status from 400 to 599',
)

/** What goes wrong with the model's service. */
export const modelFaults = z
  .strictObject({
    cuts: z
      .array(
        z.union(
          [
            z.strictObject({ atMs: waitMs }),
            z.strictObject({ call: z.string().min(1) }),
            z.strictObject({ response: z.number().int().min(1), spokenMs: waitMs.default(0) }),
          ],
          'must be { atMs: 8000 }, { call: TOOL } or { response: 2, spokenMs: 500 }',
        ),
      )
      .max(20),
    expireAfterMs: waitMs,
    sessionMs: waitMs,
    refuseConnects: z.number().int().min(0),
    expiresSilently: z.boolean(),
    breakdown: z.strictObject({ afterMs: waitMs, code: z.number().int().min(1000).max(4999) }),
    updateMs: waitMs,
    transcripts: z.array(z.enum(transcriptFates)).max(100),
    connection: connection.transform(toConnection),
    failures: z.array(z.strictObject({ response: z.number().int().min(1), code: z.string().min(1) })).max(100),
    errors: z.array(z.strictObject({ afterMs: waitMs, code: z.string().min(1) })).max(20),
    without: z.array(z.string().min(1)).max(100),
    transcriptMs: waitMs.transform((given) => [given, given] as const),
    rateLimits: z.strictObject({
      requests: z.number().int().min(1).default(USUAL_SETTINGS.rateLimits.requests),
      tokens: z.number().int().min(1).default(USUAL_SETTINGS.rateLimits.tokens),
    }),
    refuseHttp: z.strictObject({ times: z.number().int().min(0).max(100), status: z.number().int().min(400).max(599) }),
  })
  .partial()

const expectation = z.strictObject({
  isRouted: z.boolean().default(true),
  row: z.record(z.string(), z.unknown()).default({}),
  turns: z
    .array(
      z.strictObject({
        speaker: z.enum(['caller', 'agent']),
        text: z.string().optional(),
        isCut: z.boolean().optional(),
      }),
    )
    .default([]),
  tools: z
    .array(
      z.strictObject({
        name: z.string(),
        outcome: z.enum(['done', 'refused', 'failed', 'timed-out', 'superseded']).default('done'),
        arguments: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .default([]),
  refused,
  database: records,
  messages,
  bargeIns: z.number().int().min(0).default(0),
  modes: z.array(z.enum(['single', 'two_agent'])).default([]),
  voicemails: z.number().int().min(0).default(0),
  renewals: z.number().int().min(0).optional(),
  emails: z
    .array(
      z.strictObject({
        to: z.array(z.email('must be an e-mail address')).min(1),
        subject: z.string().optional(),
        contains: z.array(z.string()).default([]),
      }),
    )
    .default([]),
  dialled: z
    .array(
      z.strictObject({
        number: phoneNumber,
        status: z.enum(['completed', 'busy', 'no-answer', 'failed', 'canceled']).optional(),
        isBridged: z.boolean().optional(),
        hears: z.array(z.string()).optional(),
      }),
    )
    .default([]),
  problems: z.array(z.number().int()).default([]),
})

/** Faults of processes need real time, and fixtures are replayed on the virtual clock. */
const strikes = z
  .array(strikeShape)
  .default([])
  .superRefine((given, context) => {
    for (const name of processFaultsIn({ strikes: given }))
      context.addIssue({
        code: 'custom',
        message: `${name} strikes processes, which keep real time: give it to sim call`,
      })
  })

export const fixtureShape = z
  .strictObject({
    version: z.literal(1, 'must be 1, the only version that there is'),
    date: z.iso.date("must be the day on which it was made, in quotes: '2026-11-24'"),
    about: words,
    usual: onlyTrue,
    capture: z
      .strictObject({
        file: z.string(),
        audio: z.string(),
        began: z.iso.datetime("must be an instant, in quotes: '2026-11-24T15:00:00.000Z'"),
        kept: z.array(z.enum(['words', 'numbers', 'audio'])).default([]),
      })
      .optional(),
    struck: z.strictObject({ seed: z.string().min(1), strikes }).optional(),
    at: z.iso.datetime("must be an instant, in quotes: '2040-01-02T15:00:00Z'").optional(),
    call,
    clinic: z
      .strictObject({
        settings: z.record(z.string(), z.unknown()).default({}),
        switches: z.array(z.strictObject({ afterMs: waitMs, to: z.enum(['single', 'two_agent']) })).default([]),
        desk,
      })
      .prefault({}),
    caller: steps,
    people: z.array(person).max(20).default([]),
    model: z.strictObject({
      connection: connection.default('take'),
      faults: modelFaults.optional(),
      hears: z.array(z.string()).optional(),
      transcriptMs: waitMs.optional(),
      responses: z.array(z.array(modelOutput).min(1, 'must have an output')).default([]),
      writings: z.array(z.unknown()).default([]),
      supervisor: z.array(z.array(thought).min(1, 'must have a thought')).default([]),
    }),
    expect: expectation,
  })
  .superRefine(({ at, clinic, expect }, context) => {
    if (at === undefined && areDated(expect.database, clinic.desk))
      context.addIssue({
        code: 'custom',
        message: "names days of the virtual clock, so it needs the instant of the call: at: '2040-01-02T15:00:00Z'",
      })
  })

export type FixtureFile = z.infer<typeof fixtureShape>
type StepInFile = FixtureFile['caller'][number]

/** `audioOf` gives the audio of a file that a step names. */
export function toFixture(file: FixtureFile, name: string, audioOf: (path: string) => Uint8Array): Fixture {
  const { version, date, about, usual = false, struck, at, call, clinic, caller, people, model, expect } = file
  const toSteps = (steps: StepInFile[]) => steps.map((step) => toStep(step, audioOf))
  return {
    version,
    date,
    name,
    about,
    isUsual: usual,
    ...(struck === undefined ? {} : { struck }),
    atMs: at === undefined ? null : Date.parse(at),
    call: { ...call, answers: toAnswering(call.answers ?? USUAL_RINGING_MS), purpose: call.purpose ?? null },
    clinic,
    caller: toSteps(caller),
    people: people.map(({ number, answers, does }) => ({ number, answers: toAnswering(answers), does: toSteps(does) })),
    model: {
      connection: toConnection(model.connection),
      ...(model.faults === undefined ? {} : { faults: definedOf(model.faults) }),
      hears: model.hears ?? caller.flatMap(({ say }) => say ?? []),
      ...(model.transcriptMs === undefined ? {} : { transcriptMs: model.transcriptMs }),
      responses: model.responses.map((outputs) => outputs.map(toOutput)),
      writings: model.writings,
      supervisor: model.supervisor.map((thoughts) => thoughts.map(toThought)),
    },
    expect,
  }
}

/** Without the fields that a file leaves out. */
export const definedOf = <T extends object>(given: T) =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

const toAnswering = (given: z.infer<typeof answers>): Answering =>
  typeof given === 'number' ? { afterMs: given } : given

function toConnection(given: z.infer<typeof connection>): Fixture['model']['connection'] {
  if (given === 'take') return { take: true }
  return given === 'stall' ? { stall: true } : given
}

function toStep(step: StepInFile, audioOf: (path: string) => Uint8Array): CallerStep {
  const { on, waitMs, heardMs = 0 } = step
  const cue = on === 'agent-speaking' ? { on, heardMs, waitMs } : { on, waitMs }
  if (step.say !== undefined) return { ...cue, act: 'say', words: step.say, audio: audioOf(step.audio ?? '') }
  if (step.press !== undefined) return { ...cue, act: 'press', digits: step.press }
  if (step.beep) return { ...cue, act: 'beep' }
  if (step.listen) return { ...cue, act: 'listen' }
  return { ...cue, act: 'hang-up' }
}

function toOutput(output: FixtureFile['model']['responses'][number][number]): ModelOutput {
  const { say, voice, call, arguments: given = {}, fail = '', stop, hang, knows } = output
  const common = knows === undefined ? {} : { knows }
  if (say !== undefined) return voice === undefined ? { ...common, say } : { ...common, say, voice }
  if (stop !== undefined) return { ...common, stop }
  if (hang !== undefined) return { ...common, hang }
  return call === undefined ? { ...common, fail } : { ...common, call, arguments: given }
}

function toThought(thought: FixtureFile['model']['supervisor'][number][number]): Thought {
  const { say, call, arguments: given = {}, refuse = 500, ...common } = thought
  if (say !== undefined) return { ...common, say }
  return call === undefined ? { ...common, refuse } : { ...common, call, arguments: given }
}
