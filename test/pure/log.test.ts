// What the log never says: a name, a number, a word or a key, whoever passes it and however.
import { describe, expect, test } from 'bun:test'
import { createLog, type Log, type LogFields } from '../../src/lib/log.ts'

const secrets = ['Dana Reyes', '+15550102030', 'my inhaler is empty', 'sk-live-4242']

const written = (write: (log: Log) => void, level = 'debug'): string => {
  const lines: string[] = []
  write(createLog({ level, write: (line) => void lines.push(line) }))
  return lines.join('')
}

describe('a line of the log', () => {
  test('is one JSON object, with its level, its time, its sentence and the ids that were given', () => {
    const line = written((log) => log.warn({ callSid: 'CA1', count: 3 }, 'something'))
    expect(line).toEndWith('}\n')
    expect(JSON.parse(line)).toEqual({
      level: 40,
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      callSid: 'CA1',
      count: 3,
      msg: 'something',
    })
  })

  test('below the level is not written', () => {
    expect(written((log) => log.info({}, 'quiet'), 'warn')).toBe('')
    expect(written((log) => log.error({}, 'quiet'), 'silent')).toBe('')
  })

  test('blanks every field that is not known to be safe, on every level and in every child', () => {
    for (const secret of secrets) {
      const fields: LogFields = {
        ...{ name: secret, callerName: secret, from: secret, to: secret, text: secret, transcript: secret },
        ...{ message: secret, apiKey: secret, authToken: secret, email: secret, body: secret, arguments: secret },
      }
      const lines = written((log) => {
        for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level](fields, 'x')
        log.child(fields).child({ callSid: 'CA1', from: secret }).info({ from: secret }, 'x')
      })
      expect(lines).not.toContain(secret)
      expect(lines).toContain('"from":"[redacted]"')
      expect(lines).toContain('"callSid":"CA1"')
    }
  })

  test('blanks a telephone number even where something safe was expected', () => {
    const fields: LogFields = {
      ...{ path: '/x/+15550102030', url: 'https://x/?From=%2B15550102030', reason: 'no answer from +15550102030' },
      callSid: `CA${'1234567890'.repeat(3)}12`,
    }
    const line = written((log) => log.info(fields, 'x'))
    expect(line).not.toContain('15550102030')
    expect(line).toContain(String(fields.callSid))
  })
})

describe('an error in the log', () => {
  const frame = /at .*log\.test\.ts/

  test('is its type, its code and where it was thrown; never its message', () => {
    for (const secret of secrets) {
      const error = Object.assign(new TypeError(`Cannot find ${secret}`), {
        code: '22P02',
        detail: secret,
        query: secret,
      })
      const line = written((log) => log.error({ error }, 'failed'))
      expect(line).not.toContain(secret)
      expect(JSON.parse(line).error).toMatchObject({ type: 'TypeError', code: '22P02' })
      expect(JSON.parse(line).error.stack).toMatch(frame)
    }
  })

  test('of several lines, or made to look like a place in the code, says nothing of them either', () => {
    const error = new Error('it happened\n    at Dana Reyes (+15550102030)\nat my inhaler is empty\n')
    const line = written((log) => log.error({ error }, 'failed'))
    for (const secret of secrets) expect(line).not.toContain(secret)
    expect(JSON.parse(line).error.stack).toMatch(frame)
  })

  test('passed under another name is treated the same, and so is one with a cause', () => {
    const error = new Error('Dana Reyes', { cause: new Error('+15550102030') })
    const line = written((log) => log.warn({ reason: error, callSid: 'CA1' }, 'failed'))
    for (const secret of secrets) expect(line).not.toContain(secret)
    expect(JSON.parse(line)).toMatchObject({ callSid: 'CA1', error: { type: 'Error' } })
  })

  test('whose code or name is no plain word does not get through by that', () => {
    const error = Object.assign(new Error('x'), { code: { from: '+15550102030' }, name: 'Dana Reyes' })
    const line = written((log) => log.error({ error }, 'failed'))
    for (const secret of secrets) expect(line).not.toContain(secret)
  })

  test('without a stack is still an error', () => {
    const error = new Error('Dana Reyes')
    error.stack = undefined
    expect(JSON.parse(written((log) => log.error({ error }, 'failed')))).toMatchObject({ error: { type: 'Error' } })
  })
})
