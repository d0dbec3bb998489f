// Looks at what leaves the house: the model's catalogue, the mail's sender, the store of recordings, and the carrier's clock.
// Each vendor is asked what can be asked without doing anything: no model is run, no mail sent, no file kept.
import { type Config, limits } from '../config.ts'
import type { Clock } from '../lib/clock.ts'
import { folderTakesFiles } from '../vendors/folder-storage.ts'
import { createModels } from '../vendors/openai-models.ts'
import { domainStatus } from '../vendors/resend-domains.ts'
import { bucketAccess } from '../vendors/supabase.ts'
import { bad, clockFinding, doubtful, type Finding, good, skipped } from './finding.ts'

const timeoutMs = limits.vendorRequestMs

/** `models`: those that clinics chose, beside the deployment's. */
export async function modelFindings(config: Config, models: readonly string[]): Promise<Finding[]> {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl } = config
  if (apiKey === undefined)
    return [doubtful('models', 'there is no OPENAI_API_KEY: callers get the tape', 'set OPENAI_API_KEY')]
  const own = [
    config.OPENAI_REALTIME_MODEL,
    config.OPENAI_REALTIME_MINI_MODEL,
    config.OPENAI_SUPERVISOR_MODEL,
    config.OPENAI_TRANSCRIPTION_MODEL,
    config.OPENAI_ANALYSIS_MODEL,
  ]
  const catalogue = createModels({ apiKey, baseUrl, timeoutMs })
  const findings: Finding[] = []
  // One after the other: a key that is not taken is told once.
  for (const model of new Set([...own, ...models])) {
    const check = `model ${model}`
    const answer = await catalogue.has(model)
    if (!answer.ok && answer.problem === 'refused')
      return [
        bad(
          'models',
          `OpenAI does not take the key (${answer.message})`,
          'set OPENAI_API_KEY to a key of a project that may use these models',
        ),
      ]
    if (!answer.ok)
      findings.push(bad(check, answer.message, 'is OPENAI_BASE_URL right, and can this machine reach it?'))
    else if (answer.value) findings.push(good(check, 'the key may use it'))
    else
      findings.push(
        bad(
          check,
          'there is no such model for this key',
          'choose another by its setting, or have it opened for the project',
        ),
      )
  }
  return findings
}

export async function mailFinding(config: Config): Promise<Finding> {
  const check = 'mail sender'
  const { RESEND_API_KEY: apiKey, RESEND_BASE_URL: baseUrl, MAIL_FROM } = config
  if (apiKey === undefined)
    return doubtful(check, 'there is no RESEND_API_KEY: mails wait for one', 'set RESEND_API_KEY')
  const domain = MAIL_FROM.replace(/^.*@/, '').replace(/>.*$/, '')
  const status = await domainStatus({ apiKey, baseUrl, timeoutMs }, domain)
  if (status.ok) {
    if (status.value === 'verified') return good(check, `${domain} is verified`)
    const says = status.value === null ? `${domain} is not among the account's domains` : `${domain} is ${status.value}`
    return bad(check, says, 'add and verify the domain of MAIL_FROM at Resend')
  }
  switch (status.problem) {
    case 'narrow':
      return skipped(check, status.message)
    case 'refused':
      return bad(check, status.message, 'set RESEND_API_KEY to a key of the account that has the domain')
    case 'unavailable':
      return bad(check, status.message, 'is RESEND_BASE_URL right, and can this machine reach it?')
  }
}

export async function recordingsFinding(config: Config): Promise<Finding> {
  const check = 'recordings'
  const { SUPABASE_URL: url, SUPABASE_SERVICE_ROLE_KEY: serviceRoleKey, RECORDINGS_BUCKET: bucket } = config
  if (url === undefined || serviceRoleKey === undefined) {
    const folder = config.RECORDINGS_FOLDER
    if (!(await folderTakesFiles(folder)))
      return bad(check, `${folder} cannot be written to`, 'set RECORDINGS_FOLDER to a folder of the server’s own')
    return config.DATABASE_URL === undefined
      ? good(check, `they are kept in ${folder}`)
      : doubtful(
          check,
          `they are kept in ${folder}, of one machine`,
          'set SUPABASE_URL, so that a new machine still has them',
        )
  }
  const access = await bucketAccess({ url, serviceRoleKey, bucket, timeoutMs })
  if (!access.ok) {
    const mend =
      access.problem === 'not-found'
        ? `make the bucket ${bucket}, private`
        : 'are SUPABASE_URL and its service role key right?'
    return bad(check, access.message, mend)
  }
  return access.value === 'private'
    ? good(check, `the bucket ${bucket} is private`)
    : bad(check, `the bucket ${bucket} is public: whoever knows a name can listen`, 'make it private')
}

/** By the Date of its answers, which is whole seconds. */
export async function carrierClockFinding(config: Config, clock: Clock): Promise<Finding> {
  const check = "Twilio's clock"
  const signal = AbortSignal.timeout(timeoutMs)
  const answer = await fetch(config.TWILIO_API_BASE_URL, { redirect: 'manual', signal }).catch(() => null)
  await answer?.body?.cancel()
  const atMs = Date.parse(answer?.headers.get('date') ?? '')
  if (Number.isNaN(atMs)) return skipped(check, 'Twilio’s address does not tell the time')
  return clockFinding(check, "Twilio's", atMs + 500 - clock.now(), limits.clockSkew)
}
