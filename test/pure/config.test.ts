// The settings: read once, told in plain words when they are wrong, and never told when they are secret.
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { loadConfig } from '../../src/config.ts'

const key = Buffer.alloc(32, 1).toString('base64')
/** Everything that a deployment must say. */
const deployment = {
  DATABASE_URL: 'postgres://frontdesk_app:hunter2@db.example/frontdesk',
  PUBLIC_BASE_URL: 'https://frontdesk.example',
  FRONTDESK_KEYS: `k1:${key}`,
}
const problemsOf = (environment: Record<string, string>): string[] => {
  const loaded = loadConfig(environment)
  return loaded.ok ? [] : loaded.problems
}
const configOf = (environment: Record<string, string>, ...assumed: [Parameters<typeof loadConfig>[1]?]) => {
  const loaded = loadConfig(environment, ...assumed)
  if (!loaded.ok) throw new Error(loaded.problems.join('; '))
  return loaded.config
}

/** The names of the settings, as they are told when every one of them is wrong. */
const wrong = {
  PORT: 'eighty',
  PUBLIC_BASE_URL: 'frontdesk.example',
  LOG_LEVEL: 'loud',
  DATABASE_URL: 'mysql://root:hunter2@db.example/x',
  DATABASE_ADMIN_URL: 'not a url hunter2',
  DATABASE_LISTEN_URL: 'hunter2',
  DATABASE_POOL_SIZE: '1',
  FRONTDESK_KEYS: 'k1:hunter2',
  FALLBACK_ORGANIZATION_ID: 'the first one',
  TWILIO_ACCOUNT_SID: 'hunter2',
  TWILIO_API_BASE_URL: 'ftp://api.example',
  OPENAI_BASE_URL: 'api.openai.com/v1',
  RESEND_BASE_URL: '-',
  MAIL_FROM: 'the front desk',
  SUPABASE_URL: 'supabase',
  MAX_CALL_MINUTES: '600',
  DRAIN_SECONDS: '1.5',
}

describe('settings that are wrong', () => {
  test('are all told at once, each by its name and by what it must be', () => {
    const problems = problemsOf(wrong)
    for (const name of Object.keys(wrong))
      expect(problems.filter((each) => each.startsWith(`${name} must be`)).length).toBe(1)
    // What does not fit together is told with the rest, not when that is repaired.
    expect(problems).toContain('TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together: set both, or neither')
    expect(problems).toContain('SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY go together: set both, or neither')
    expect(problemsOf({ PORT: 'x', DATABASE_URL: deployment.DATABASE_URL })).toEqual([
      'PORT must be a whole number',
      expect.stringMatching(/^PUBLIC_BASE_URL is missing/),
      expect.stringMatching(/^FRONTDESK_KEYS is missing/),
    ])
  })

  test('are told in sentences for people', () => {
    for (const problem of problemsOf(wrong)) expect(problem).toMatch(/^[A-Z_]+ (must be|and [A-Z_]+ go together)/)
  })

  test('are never quoted: no message holds a value', () => {
    const told = problemsOf(wrong).join('\n')
    for (const value of ['hunter2', 'eighty', 'loud', '600', 'ftp', 'the first one']) expect(told).not.toContain(value)
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(wrong)), fc.uuid(), (name, secret) => {
        expect(problemsOf({ ...wrong, [name]: secret }).join('\n')).not.toContain(secret)
      }),
    )
  })

  test.each([
    ['FRONTDESK_KEYS', `k1:${key.slice(0, 20)}`],
    ['FRONTDESK_KEYS', key],
    ['FRONTDESK_KEYS', `k1:${key},k1:${key}`],
    ['PORT', '70000'],
    ['PORT', '-1'],
    ['PORT', ' '],
    ['DATABASE_POOL_SIZE', '1e3'],
    ['PUBLIC_BASE_URL', 'https://frontdesk.example/?a=b'],
    ['PUBLIC_BASE_URL', 'https://frontdesk.example/#x'],
    ['FALLBACK_ORGANIZATION_ID', '5f0c6a1e'],
  ])('%s=%s is one of them', (name, value) => {
    expect(problemsOf({ ...deployment, [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name} must be`)),
    ])
  })
})

describe('settings that fit', () => {
  test('are none at all, to try it', () => {
    expect(configOf({}, { FRONTDESK_KEYS: [{ id: 'local', key: new Uint8Array(32) }] })).toMatchObject({
      PORT: 3000,
      PUBLIC_BASE_URL: 'http://localhost:3000',
      FRONTDESK_KEYS: [{ id: 'local' }],
    })
  })

  test('are three for a deployment, and each of them is missed', () => {
    expect(problemsOf(deployment)).toEqual([])
    for (const name of ['PUBLIC_BASE_URL', 'FRONTDESK_KEYS'])
      expect(problemsOf({ ...deployment, [name]: '' })).toEqual([
        expect.stringMatching(new RegExp(`^${name} is missing`)),
      ])
  })

  test('hear of jobs over a session of their own, where a transaction pooler stands in between', () => {
    const pooled = 'postgres://frontdesk_app:hunter2@db.example:6543/frontdesk'
    const deaf = [expect.stringMatching(/^DATABASE_LISTEN_URL must be a connection without a transaction pooler/)]
    expect(problemsOf({ ...deployment, DATABASE_URL: pooled })).toEqual(deaf)
    expect(problemsOf({ ...deployment, DATABASE_URL: `${deployment.DATABASE_URL}?pgbouncer=true` })).toEqual(deaf)
    expect(problemsOf({ ...deployment, DATABASE_LISTEN_URL: pooled })).toEqual(deaf)
    expect(problemsOf({ ...deployment, DATABASE_URL: pooled, DATABASE_LISTEN_URL: deployment.DATABASE_URL })).toEqual(
      [],
    )
    expect(problemsOf({ DATABASE_LISTEN_URL: deployment.DATABASE_URL })).toEqual([
      'DATABASE_LISTEN_URL goes with DATABASE_URL: set both, or neither',
    ])
  })

  test('count as absent when they are empty, and what is none of ours is not looked at', () => {
    const config = configOf({ ...deployment, PORT: '', OPENAI_API_KEY: '', HOME: '/root', PATH: 'x' })
    expect(config).toMatchObject({ PORT: 3000 })
    expect(config).not.toHaveProperty('HOME')
    expect(config.OPENAI_API_KEY).toBeUndefined()
  })

  test('lose the slash at the end of an address, and keep its path', () => {
    const config = configOf({
      ...deployment,
      PUBLIC_BASE_URL: 'https://x.example/a/',
      OPENAI_BASE_URL: 'http://y/v1//',
    })
    expect([config.PUBLIC_BASE_URL, config.OPENAI_BASE_URL]).toEqual(['https://x.example/a', 'http://y/v1'])
  })

  test('hold a ring of keys, newest first', () => {
    const other = Buffer.alloc(32, 2).toString('base64')
    const { FRONTDESK_KEYS } = configOf({ ...deployment, FRONTDESK_KEYS: `k2:${other}, k1:${key}` })
    expect(FRONTDESK_KEYS.map(({ id, key: bytes }) => [id, bytes[0]])).toEqual([
      ['k2', 2],
      ['k1', 1],
    ])
  })

  test('win over what is assumed', () => {
    expect(configOf({ HOST: '::' }, { HOST: '127.0.0.1', PORT: 9 })).toMatchObject({ HOST: '::', PORT: 9 })
  })
})

describe('the README', () => {
  test('has a row for every setting and for no other, with its default', async () => {
    const text = await Bun.file(`${import.meta.dir}/../../README.md`).text()
    const rows = [...text.matchAll(/^\| `([A-Z][A-Z0-9_]+)` \| (.*?) \| .+ \|$/gm)].map(([, name, value]) => [
      name,
      value,
    ])
    const config: Record<string, unknown> = configOf({})
    const told = (value: unknown) => (value === undefined || Array.isArray(value) ? '–' : String(value))
    const wanted = [...new Set([...Object.keys(config), ...Object.keys(wrong), ...optional])]
    expect(rows.sort()).toEqual(wanted.map((name) => [name, told(config[name])]).sort())
  })
})

/** Those without a default whose value cannot be wrong. */
const optional = ['TWILIO_AUTH_TOKEN', 'OPENAI_API_KEY', 'RESEND_API_KEY', 'SUPABASE_SERVICE_ROLE_KEY']

describe('.env.example', () => {
  test('lists every setting and no other, with its default', async () => {
    const text = await Bun.file(`${import.meta.dir}/../../.env.example`).text()
    const listed = [...text.matchAll(/^(#?)([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, hash, name, value]) => ({
      name: name ?? '',
      isSet: hash === '',
      value: (value ?? '').replace(/^"(.*)"$/, '$1'),
    }))
    const config: Record<string, unknown> = configOf({})
    const names = new Set([...Object.keys(config), ...Object.keys(wrong), ...optional])
    expect(listed.map(({ name }) => name).sort()).toEqual([...names].sort())
    for (const { name, isSet, value } of listed) {
      const held = config[name]
      if (isSet) expect([name, value]).toEqual([name, String(held)])
      else expect([name, Array.isArray(held) ? held.length : held]).toEqual([name, Array.isArray(held) ? 0 : undefined])
    }
  })
})
