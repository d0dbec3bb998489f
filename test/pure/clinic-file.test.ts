// What a clinic file and the flags of `bun clinic add` may say, and how each fault is told: by its line, or by its flag.
import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { readClinic } from '../../src/setup/clinic-file.ts'
import { clinicFlags } from '../../src/setup/flags.ts'
import { overlapIn, parseWeekLine, weekText } from '../../src/setup/week.ts'

const folder = mkdtempSync(join(tmpdir(), 'frontdesk-clinic-file-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function fileOf(text: string): string {
  const path = join(folder, 'clinic.yaml')
  writeFileSync(path, text)
  return path
}

/** The lines that are told, without the file's folder. */
async function faultsIn(text: string, flags: Record<string, unknown> = {}): Promise<string[]> {
  const told = await readClinic(fileOf(text), flags).then(
    () => '',
    (error: Error) => error.message,
  )
  return told.split('\n').map((line) => line.replace(/^.*clinic\.yaml/, 'clinic.yaml'))
}

const whole = `clinic: northside
name: Northside Clinic
timeZone: America/Chicago
admins:
  - Ann Lee <Ann.Lee@northside.example>
`

describe('a week', () => {
  const session = fc.record({
    weekday: fc.integer({ min: 1, max: 7 }),
    from: fc.integer({ min: 0, max: 1438 }),
    until: fc.integer({ min: 1, max: 1440 }),
  })
  const week = fc
    .array(
      session.filter(({ from, until }) => from < until),
      { maxLength: 12 },
    )
    .filter((sessions) => overlapIn(sessions) === null)

  test('that is written out and read again is the same week', () => {
    fc.assert(
      fc.property(week, (sessions) => {
        const text = weekText(sessions)
        const read = text === 'never' ? [] : text.split(', ').flatMap(sessionsIn)
        const sorted = [...sessions].sort((a, b) => a.weekday - b.weekday || a.from - b.from)
        expect(read.sort(inOrder)).toEqual(sorted)
      }),
    )
  })

  const sessionsIn = (line: string) => {
    const read = parseWeekLine(line)
    return typeof read === 'string' ? [] : read
  }
  const inOrder = (a: unknown, b: unknown) => JSON.stringify(keyOf(a)).localeCompare(JSON.stringify(keyOf(b)))
  const keyOf = (one: unknown) => {
    const { weekday, from } = one as { weekday: number; from: number }
    return [weekday, String(from).padStart(4, '0')]
  }

  test('has days that wrap, lists and several sessions', () => {
    expect(parseWeekLine('sat-mon,wed 22:00-24:00')).toEqual(
      [6, 7, 1, 3].map((weekday) => ({ weekday, from: 1320, until: 1440 })),
    )
    expect(parseWeekLine('TUE 08:00-12:00 13:00-17:00')).toHaveLength(2)
  })

  test.each([
    ['8:00-17:00', 'names no days'],
    ['mon', 'has days and no times'],
    ['mon 8-17', '"8-17" is no time span; write it as 08:00-17:00'],
    ['mon 17:00-08:00', 'ends before it begins'],
    ['mon 08:00-25:00', 'is no time span'],
    ['funday 08:00-09:00', '"funday" names no days'],
  ])('%s is refused, with how to write it', (line, told) => {
    expect(parseWeekLine(line)).toContain(told)
  })
})

describe('a clinic file', () => {
  test('may leave out everything but the name, the time zone and an admin; addresses are in lower case', async () => {
    const { wish } = await readClinic(fileOf(whole), {})
    expect(wish).toMatchObject({
      clinic: 'northside',
      admins: [{ name: 'Ann Lee', email: 'ann.lee@northside.example' }],
    })
    expect([wish.hours, wish.services, wish.providers, wish.numbers]).toEqual([undefined, undefined, undefined, []])
  })

  test('may be JSON', async () => {
    const json = {
      clinic: 'n',
      name: 'N',
      timeZone: 'UTC',
      admins: ['A <a@n.example>'],
      numbers: ['+13125550123 Desk'],
    }
    const { wish } = await readClinic(fileOf(JSON.stringify(json)), {})
    expect(wish.numbers).toEqual([{ phoneNumber: '+13125550123', friendlyName: 'Desk' }])
  })

  test('has providers who do every service whenever the clinic is open, unless it says otherwise', async () => {
    const { wish } = await readClinic(
      fileOf(`${whole}hours: [mon 08:00-09:00]
services: [{ name: A, minutes: 20 }, { name: B, minutes: 30 }]
providers: [{ name: Dr. Holm }, { name: Dr. Lind, services: [B], hours: [tue 10:00-11:00] }]`),
      {},
    )
    expect(wish.providers).toEqual([
      { name: 'Dr. Holm', about: null, services: ['A', 'B'], hours: [{ weekday: 1, from: 480, until: 540 }] },
      { name: 'Dr. Lind', about: null, services: ['B'], hours: [{ weekday: 2, from: 600, until: 660 }] },
    ])
  })

  test('with several faults is told all of them, each with its line and column', async () => {
    const faults = await faultsIn(`clinic: North Side
name: Northside Clinic
timeZone: America/Springfield
admins: [Ann Lee]
numbers:
  - +13125550123
hours:
  - mon 8-17
settings:
  recordCals: true
  limits:
    usdPerCal: 3
  voice: { voice: nobody }
opening: always
`)
    expect(faults.map((line) => line.slice(0, line.indexOf(': ')))).toEqual([
      'clinic.yaml:1:1',
      'clinic.yaml:3:1',
      'clinic.yaml:4:10',
      'clinic.yaml:6:5',
      'clinic.yaml:8:5',
      'clinic.yaml:13:12',
      'clinic.yaml:14:1',
    ])
    expect(faults[3]).toContain('in quotes: "+13125550123"')
    expect(faults[6]).toBe('clinic.yaml:14:1: opening: a clinic has no such field here; the README lists them')
  })

  test('that names a setting which is none is told so, at any depth', async () => {
    const settings =
      'settings:\n  recordCals: true\n  limits:\n    usdPerCal: 3\n  about: { parking: behind the house }\n'
    expect(await faultsIn(whole + settings)).toEqual([
      expect.stringMatching(/^clinic\.yaml:7:3: settings\.recordCals: is no setting/),
      expect.stringMatching(/^clinic\.yaml:9:5: settings\.limits\.usdPerCal: is no setting/),
    ])
  })

  test('that is a folder is told by the name that it was given', async () => {
    await expect(readClinic('.', {})).rejects.toThrow(/^\.: cannot be read \(EISDIR\)$/)
  })

  test.each([
    ['services: [{ name: A, minutes: 20 }]\nproviders: [{ name: D }]', 'has no hours'],
    ['hours: [mon 08:00-09:00]\nproviders: [{ name: D, services: [X] }]', '"X" is not among the services here'],
    ['hours: [mon 08:00-10:00, mon 09:00-11:00]', 'two times overlap on mon at 09:00'],
    ['services: [{ name: A, minutes: 20 }, { name: A, minutes: 30 }]', 'A is there twice'],
    ['closures: [25 December]', 'must be a day and a name'],
    ['closures: [2026-02-30 Carnival]', 'must be a day and a name'],
    ['services: [{ name: A, minutes: 2 }]', '>=5'],
    ['instructions: { base: nowhere.md }', 'nowhere.md: cannot be read (ENOENT)'],
    ['- a list', 'clinic.yaml:'],
  ])('%s is told', async (part, told) => {
    expect((await faultsIn(whole + part)).join('\n')).toContain(told)
  })

  test('has instructions in files of their own, which are checked as templates before anything is written', async () => {
    writeFileSync(join(folder, 'base.md'), 'You work for {{clinic}}.\n')
    writeFileSync(join(folder, 'greeting.md'), 'Say {{hello}}.')
    const { texts } = await readClinic(fileOf(`${whole}instructions: { base: base.md }`), {})
    expect(texts).toEqual({ base: 'You work for {{clinic}}.' })
    expect(await faultsIn(`${whole}instructions:\n  greeting: greeting.md`)).toEqual([
      expect.stringMatching(/^clinic\.yaml:7:3: instructions\.greeting: greeting\.md: There is no variable {{hello}}/),
    ])
  })
})

describe('flags', () => {
  test('alone make a clinic', async () => {
    const flags = clinicFlags('north', {
      name: 'North',
      timeZone: 'UTC',
      admin: ['Ann Lee <ann@north.example>'],
      hours: ['mon-fri 08:00-17:00'],
      service: ['Check-up 30', 'Sick visit 20+10'],
      provider: ['Dr. Holm, family physician'],
      transfer: ['the nurse +13125550199'],
    })
    const { wish } = await readClinic(null, flags)
    expect(wish.services).toEqual([
      { name: 'Check-up', minutes: 30, bufferMinutes: 0 },
      { name: 'Sick visit', minutes: 20, bufferMinutes: 10 },
    ])
    expect(wish.providers?.[0]).toMatchObject({
      name: 'Dr. Holm',
      about: 'family physician',
      services: ['Check-up', 'Sick visit'],
    })
    expect(wish.settings).toEqual({ transfer: { targets: [{ name: 'the nurse', phoneNumber: '+13125550199' }] } })
  })

  test('take the place of a field of the file, and of a part of its settings, and leave the rest', async () => {
    const file = fileOf(`${whole}settings: { recordCalls: false }`)
    const { wish } = await readClinic(file, clinicFlags('south', { name: 'South', transfer: ['a +13125550199'] }))
    expect([wish.clinic, wish.name, wish.timeZone]).toEqual(['south', 'South', 'America/Chicago'])
    expect(wish.settings).toMatchObject({ recordCalls: false, transfer: {} })
  })

  test('with faults are told by their own names', async () => {
    const wrong = readClinic(null, clinicFlags('north', { name: 'N', timeZone: 'Mars', hours: ['always'] }))
    await expect(wrong).rejects.toThrow(
      /^--time-zone: must be a time zone.*\n--admin: is missing\n--hours: "always" names no days/,
    )
    expect(await faultsIn(whole, { timeZone: 'Mars' })).toEqual([expect.stringMatching(/^--time-zone: /)])
    expect(() => clinicFlags('north', { service: ['Check-up'] })).toThrow('--service: is a name and minutes')
  })
})
