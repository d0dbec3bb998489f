// From nothing to an appointment: a clinic is set up by the commands that an operator types, its number is rung, and the caller
// books. The commands run as processes, against the server that then takes the call.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import postgres from 'postgres'
import { certify } from '../../sim/certificate.ts'
import { realClock } from '../../sim/clock.ts'
import { loadFixture } from '../../sim/fixture.ts'
import { createInbox } from '../../sim/inbox/inbox.ts'
import { createModel } from '../../sim/model/model.ts'
import { createSpeech } from '../../sim/speech.ts'
import { createTrace } from '../../sim/trace.ts'
import { startJobs } from '../../src/db/jobs.ts'
import { account, type Deployment, openDeployment, otherAccount } from '../support/deployment.ts'

/** A call in real time, on a machine that may be busy. */
setDefaultTimeout(180_000)

const number = '+13125550123'
const elsewhere = 'https://demo.twilio.com/welcome/voice/'
const clinicFile = `clinic: northside
name: Northside Clinic
timeZone: America/Chicago
admins: [Ann Lee <ann.lee@northside.example>]
numbers: ['${number} Front desk']
hours: [mon-fri 08:00-17:00]
services: [{ name: New patient visit, minutes: 30 }]
providers: [{ name: Dr. Holm, about: family physician }]
instructions: { greeting: greeting.md }
`

const folder = mkdtempSync(join(tmpdir(), 'frontdesk-clinic-'))
const trace = createTrace(realClock)
const speech = createSpeech({ cacheFolder: join(folder, 'speech') })
const model = createModel({ clock: realClock, trace, speech, seed: 1, isStrict: true, apiKey: 'sk-test' })
const inbox = createInbox({ clock: realClock, trace, apiKey: 're_test' })
let deployment: Deployment
let admin: postgres.Sql
let stopJobs: () => Promise<void>
beforeAll(async () => {
  writeFileSync(join(folder, 'northside.yaml'), clinicFile)
  const certificate = certify(Date.now(), Date.now() + 24 * 3_600_000)
  writeFileSync(join(folder, 'certificate.pem'), certificate.authority)
  writeFileSync(join(folder, 'greeting.md'), 'Greet the caller in the name of {{clinic}}.')
  deployment = await openDeployment({
    numbers: [{ phoneNumber: number, accountSid: account.accountSid, voiceUrl: elsewhere }],
    model: model.standIn,
    inbox: inbox.standIn,
    settings: { RECORDINGS_FOLDER: join(folder, 'recordings') },
    certificate,
  })
  admin = postgres(deployment.database.adminUrl, { max: 1, onnotice: () => {} })
  const { app, deps } = deployment
  const jobs = await startJobs({
    url: deployment.database.appUrl,
    tasks: app.tasks,
    log: deps.log,
    concurrency: 4,
    pollIntervalMs: 100,
  })
  stopJobs = jobs.stop
})
afterAll(async () => {
  await stopJobs()
  await admin.end()
  await deployment.end()
  rmSync(folder, { recursive: true, force: true })
})

type Ended = { code: number | null; out: string; err: string }

async function command(file: string, args: string[], own: Record<string, string> = {}, input = ''): Promise<Ended> {
  const child = Bun.spawn(
    [process.execPath, fileURLToPath(new URL(`../../src/${file}.ts`, import.meta.url)), ...args],
    {
      cwd: folder,
      env: {
        PATH: process.env.PATH ?? '',
        NO_COLOR: '1',
        NODE_EXTRA_CA_CERTS: 'certificate.pem',
        ...deployment.environment,
        ...own,
      },
      stdin: new Blob([input]),
      stdout: 'pipe',
      stderr: 'pipe',
    },
  )
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}
const clinic = (...args: string[]) => command('clinic-command', args)
const doctor = (args: string[], own: Record<string, string> = {}) => command('doctor-command', args, own)

test('a clinic is set up by three commands, each of which can be tried and repeated, and then takes a call that books', async () => {
  const file = ['add', '--file', 'northside.yaml']
  expect(await clinic(...file, '--dry-run')).toMatchObject({ code: 0, err: '' })
  expect(await admin`select 1 from organizations`).toHaveLength(0)
  expect((await clinic(...file)).out).toContain(
    '+ provider     Dr. Holm: family physician; New patient visit; mon-fri 08:00-17:00',
  )
  expect((await clinic(...file)).out).toContain('nothing to change')

  const pointed = await clinic('number', 'northside', number, '--json')
  expect(JSON.parse(pointed.out).changes).toHaveLength(3)
  expect((await clinic('number', 'northside', number)).out).toContain('nothing to change')
  await clinic('add', 'southside', '--name', 'Southside', '--time-zone', 'UTC', '--admin', 'Bo <bo@south.example>')

  const fixture = await loadFixture('new-patient-books')
  await model.use(fixture.model)
  const record = await deployment.carrier.call({ to: number, from: fixture.call.from, caller: fixture.caller }).done
  expect(record.status).toBe('completed')
  await settled()

  const booked = await admin`
    select o.name as clinic, pr.name as provider, s.name as service, p.given_name as patient
    from appointments a join organizations o on o.id = a.organization_id join providers pr on pr.id = a.provider_id
    join services s on s.id = a.service_id join patients p on p.id = a.patient_id`
  expect([...booked]).toEqual([
    { clinic: 'Northside Clinic', provider: 'Dr. Holm', service: 'New patient visit', patient: 'Ruth' },
  ])
  expect(inbox.record().messages.map(({ to }) => to)).toEqual([['ann.lee@northside.example']])
  const shown = await clinic('show', 'southside', '--json')
  expect(JSON.stringify(JSON.parse(shown.out))).not.toMatch(/Holm|northside|Ruth/)
})

/** Until the mail of the one call is out. */
async function settled(): Promise<void> {
  const giveUpAtMs = performance.now() + 60_000
  for (;;) {
    const [row] = await admin`select count(*)::int as sent from email_deliveries where state = 'sent'`
    if (row?.sent > 0) return
    if (performance.now() > giveUpAtMs) throw new Error('the mail of the call did not go out')
  }
}

test('whoever cannot reach the public address from where they are names the way to the server', async () => {
  const outside = { NODE_EXTRA_CA_CERTS: '' }
  const numbered = ['number', 'northside', number]
  const alone = await command('clinic-command', numbered, outside)
  expect([alone.code, alone.err]).toEqual([1, expect.stringContaining('nobody answers at https://localhost')])
  const led = await command('clinic-command', [...numbered, '--server', deployment.origin], outside)
  expect([led.code, led.out]).toEqual([0, expect.stringContaining('nothing to change')])
  const stateOf = (check: string, { out }: Ended) =>
    JSON.parse(out).findings.find((finding: { check: string }) => finding.check === check).state
  const looked = ['northside', '--json']
  const lost = await doctor(looked, outside)
  const found = await doctor([...looked, '--server', deployment.origin], outside)
  for (const check of ['public address', 'signature', 'media socket', `number ${number}`])
    expect([check, stateOf(check, lost) === 'ok', stateOf(check, found)]).toEqual([check, false, 'ok'])
  expect(await clinic(...numbered, '--server', 'nowhere')).toMatchObject({ code: 2 })
})

describe('the commands', () => {
  test('tell faults of a file by its lines, without a stack, and exit with 2', async () => {
    writeFileSync(join(folder, 'wrong.yaml'), clinicFile.replace('mon-fri 08:00-17:00', 'always'))
    const { code, out, err } = await clinic('add', '--file', 'wrong.yaml')
    expect([code, out]).toEqual([2, ''])
    expect(err).toBe('wrong.yaml:6:9: hours[0]: "always" names no days; write them as mon-fri, or sat, or mon,wed\n')
  })

  test('name a clinic that is not there, and a command that is none, with 2', async () => {
    const [nowhere, vanish, help] = await Promise.all([clinic('show', 'nowhere'), clinic('vanish'), clinic('--help')])
    expect(nowhere).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no clinic nowhere'),
    })
    expect(vanish).toMatchObject({ code: 2 })
    expect(help).toMatchObject({ code: 0, err: '' })
  })

  test('take a secret from standard input, prove it at Twilio, and print it nowhere', async () => {
    const CLINIC_ACCOUNT_SID = otherAccount.accountSid
    const wrong = await command(
      'clinic-command',
      ['credentials', 'northside'],
      { CLINIC_ACCOUNT_SID },
      'a wrong token\n',
    )
    expect([wrong.code, wrong.err]).toEqual([1, expect.stringContaining('is not the one that Twilio has')])
    const args = ['credentials', 'northside', '--dry-run']
    const tried = await command('clinic-command', args, { CLINIC_ACCOUNT_SID }, `${otherAccount.authToken}\n`)
    expect([tried.code, tried.out]).toEqual([0, expect.stringContaining('would change')])
    expect(wrong.out + wrong.err + tried.out + tried.err).not.toMatch(/the token of|a wrong token/)
  })

  test('a text that is no template is refused, and a good one is in force', async () => {
    const give = (text: string) => command('clinic-command', ['instructions', 'northside', '-'], {}, text)
    expect(await give('You are {{who}}.')).toMatchObject({
      code: 2,
      err: expect.stringContaining('There is no variable {{who}}'),
    })
    expect((await give('You are {{clinic}}.')).out).toContain('~ instructions base: version 1 → version 2')
    expect((await give('You are {{clinic}}.')).out).toContain('nothing to change')
  })
})

describe('the doctor', () => {
  const owner = () => ({ DATABASE_ADMIN_URL: deployment.database.adminUrl })

  test('finds nothing wrong, with 0, and says what it could not look at', async () => {
    const { code, out } = await doctor([], owner())
    expect(out).toContain(`number ${number}`)
    expect([code, out]).toEqual([0, expect.stringMatching(/\n\d+ ok, 1 warning, 0 failed, 0 skipped\n$/)])
    expect((await doctor(['northside'])).out).toContain('only the owner can tell: set DATABASE_ADMIN_URL')
  })

  test('finds what is wrong, with 1, and tells machines the same', async () => {
    const { code, out } = await doctor(['--json'], { ...owner(), OPENAI_API_KEY: 'sk-wrong' })
    const told = JSON.parse(out)
    expect([code, told.ok]).toEqual([1, false])
    expect(told.findings.filter(({ state }: { state: string }) => state === 'fail')).toMatchObject([
      { check: 'models' },
    ])
    const unset = await doctor([], { FRONTDESK_KEYS: 'none' })
    expect([unset.code, unset.out]).toEqual([1, expect.stringContaining('FRONTDESK_KEYS must be name:base64 pairs')])
  })
})
