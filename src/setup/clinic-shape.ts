// PURE. What a clinic file may say: the shape, its limits, and what each part becomes. Parts that a file leaves out are not
// touched; a list that it has is the whole list, but for admins and numbers, which are only ever added.
import { z } from 'zod'
import type { WeeklyHours } from '../clinic/spoken.ts'
import { isE164 } from '../lib/phone.ts'
import { organizationSettings } from '../organizations/settings.ts'
import { overlapIn, parseWeekLine } from './week.ts'

const listed = 200
const words = (most: number) =>
  z.string().trim().min(1, 'must not be empty').max(most, `has at most ${most} characters`)

export const handleForm = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/
const handle = z
  .string()
  .max(60)
  .regex(handleForm, 'must be a short name in lower case, as northside or cedar-grove; commands know the clinic by it')

const timeZone = z.string().refine((name) => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== null
  } catch {
    return false
  }
}, 'must be a time zone by its city, as America/Chicago')

const language = z.string().regex(/^[a-z]{2,3}(-[A-Z]{2})?$/, 'must be a language code, as en or es-MX')

/** `Ann Lee <ann.lee@northside.example>`; mail addresses are compared in lower case. */
const admin = z.string().transform((text, context) => {
  const [, name = '', email = ''] = /^\s*(\S[^<>]*?)\s*<([^<>\s]+)>\s*$/.exec(text) ?? []
  if (z.email().safeParse(email).success) return { name, email: email.toLowerCase() }
  return fault(context, 'must be a name and an address, as Ann Lee <ann.lee@northside.example>')
})

/** `+13125550123 Front desk`, or the number alone. */
const phoneNumber = z.string('must be a number in E.164 form, in quotes: "+13125550123"').transform((text, context) => {
  const [number = '', ...rest] = text.trim().split(/\s+/)
  if (!isE164(number)) return fault(context, 'must begin with a number in E.164 form: "+13125550123 Front desk"')
  return { phoneNumber: number, friendlyName: rest.length === 0 ? null : rest.join(' ') }
})

const week = z
  .array(
    z.string().transform((line, context): WeeklyHours[] => {
      const read = parseWeekLine(line)
      return typeof read === 'string' ? fault(context, read) : read
    }),
  )
  .max(listed)
  .transform((lines) => lines.flat())
  .superRefine((hours, context) => {
    const overlap = overlapIn(hours)
    if (overlap !== null) context.addIssue({ code: 'custom', message: overlap })
  })

/** `2026-12-25 Christmas Day`, or `2026-12-24..2027-01-01 Winter break`. */
const closure = z.string().transform((text, context) => {
  const [, firstDay = '', lastDay = firstDay, name = ''] =
    /^(\d{4}-\d{2}-\d{2})(?:\.\.(\d{4}-\d{2}-\d{2}))?\s+(\S.*)$/.exec(text.trim()) ?? []
  if ([firstDay, lastDay].some((day) => !z.iso.date().safeParse(day).success))
    return fault(
      context,
      'must be a day and a name, as 2026-12-25 Christmas Day, or 2026-12-24..2027-01-01 Winter break',
    )
  if (firstDay > lastDay) return fault(context, 'ends before it begins')
  return { firstDay, lastDay, name: name.slice(0, 120) }
})

const service = z.strictObject({
  name: words(120),
  minutes: z.number().int().min(5).max(480),
  /** The provider's, after the visit. */
  bufferMinutes: z.number().int().min(0).max(120).default(0),
})

const provider = z.strictObject({
  name: words(120),
  about: words(200).nullable().default(null),
  /** Left out: every service. */
  services: z.array(z.string()).max(listed).optional(),
  /** Left out: whenever the clinic is open. */
  hours: week.optional(),
})

const settings = z.record(z.string(), z.unknown()).superRefine((given, context) => {
  const read = organizationSettings.safeParse(given)
  const issues = read.success
    ? unknownIn(given, read.data).map((path) => ({ path, message: unknownSetting }))
    : read.error.issues
  for (const { path, message } of issues) context.addIssue({ code: 'custom', path: [...path], message })
})
const unknownSetting = 'is no setting; src/organizations/settings.ts has every one, with its default'

/** Where something was given that did not come out. At the top everything comes out, so its names are looked up. */
function unknownIn(given: unknown, read: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof given !== 'object' || given === null) return []
  const kept: object = typeof read === 'object' && read !== null ? read : {}
  const known = path.length === 0 ? organizationSettings.parse({}) : kept
  return Object.entries(given).flatMap(([key, value]) => {
    const at = [...path, Array.isArray(given) ? Number(key) : key]
    return key in known ? unknownIn(value, Reflect.get(kept, key), at) : [at]
  })
}

export const clinicShape = z
  .strictObject({
    clinic: handle,
    name: words(200),
    timeZone,
    language: language.optional(),
    admins: z.array(admin).min(1, 'needs one at least: the mail of each call goes to them').max(listed),
    numbers: z.array(phoneNumber).max(listed).default([]),
    hours: week.optional(),
    closures: z.array(closure).max(listed).optional(),
    services: z.array(service).max(listed).optional(),
    providers: z.array(provider).max(listed).optional(),
    settings: settings.default({}),
    /** Names of files, from where this one is. */
    instructions: z
      .strictObject({
        base: words(500).optional(),
        greeting: words(500).optional(),
        receptionist: words(500).optional(),
        supervisor: words(500).optional(),
      })
      .prefault({}),
  })
  .superRefine(({ admins, numbers, services = [], providers = [], hours }, context) => {
    const issue = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    const twice = (list: string, names: string[]) =>
      names.forEach((name, i) => {
        if (names.indexOf(name) < i) issue([list, i], `${name} is there twice`)
      })
    twice(
      'admins',
      admins.map(({ email }) => email),
    )
    twice(
      'numbers',
      numbers.map((each) => each.phoneNumber),
    )
    twice(
      'services',
      services.map(({ name }) => name),
    )
    twice(
      'providers',
      providers.map(({ name }) => name),
    )
    const known = services.map(({ name }) => name)
    providers.forEach((each, i) => {
      each.services?.forEach((name, j) => {
        if (!known.includes(name)) issue(['providers', i, 'services', j], `"${name}" is not among the services here`)
      })
      if (each.hours === undefined && hours === undefined)
        issue(['providers', i], 'has no hours: give its own, or the clinic’s')
    })
  })

/** The shape's parts, with what was left out of a provider filled in. */
export type ClinicWish = Omit<z.infer<typeof clinicShape>, 'providers'> & {
  providers?: { name: string; about: string | null; services: string[]; hours: WeeklyHours[] }[] | undefined
}

export const toWish = ({ providers, ...file }: z.infer<typeof clinicShape>): ClinicWish => ({
  ...file,
  providers: providers?.map(({ name, about, services, hours }) => ({
    name,
    about,
    services: services ?? (file.services ?? []).map((each) => each.name),
    hours: hours ?? file.hours ?? [],
  })),
})

function fault(context: z.core.$RefinementCtx, message: string): never {
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}
