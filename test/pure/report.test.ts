// What the page of a call promises whoever opens it: it is true to the call, it is one file, and nothing said in the call
// can become part of it.
import { describe, expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { readWav } from '../../sim/audio.ts'
import { html } from '../../sim/report/html.ts'
import { reportPage } from '../../sim/report/page.ts'
import { tracksOf } from '../../sim/tracks.ts'
import { at, speech } from '../support/audited-call.ts'
import { reported, reportedCall } from '../support/reported-call.ts'

/** Every tag as it stands in the page, without its attributes’ values; not what is within the script and the styles. */
const tagsOf = (page: string): string[] =>
  page
    .replace(/<(script|style)>.*?<\/\1>/gs, '<$1>')
    .replace(/<!--.*?-->/gs, '<!-- -->')
    .match(/<[^>]*>/g)
    ?.map((tag) => tag.replace(/="[^"]*"/g, '=""')) ?? []

/** What a person reads. */
const wordsOf = (page: string): string =>
  page
    .slice(page.indexOf('<body>'), page.indexOf('<script>'))
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&quot;', '"')
    .replace(/\s+/g, ' ')

const hostile = [
  '</script><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '" onmouseover="alert(1)" x="',
  "' onfocus='alert(1)",
  '--><svg onload=alert(1)>',
  '</style><link rel=stylesheet href=//evil.example>',
  '&lt;script&gt;',
  '\u202eevil\u0000\ud800',
]

const change = <T extends object>(all: T[], by: Partial<Record<keyof T, unknown>>): void => {
  for (const each of all) Object.assign(each, by)
}

/** The same words wherever a stranger's words can come into a call. */
const sayEverywhere = (words: string) =>
  reportedCall(({ fixture, carrier, stream, session, inbox, server, model }, entries) => {
    Object.assign(fixture, { name: words, about: words })
    Object.assign(carrier, { from: words, to: words, callSid: words })
    carrier.said.push({ atMs: at(30), endedAtMs: at(90), text: words })
    change(carrier.documents, { url: words, body: words })
    change(carrier.deliveries, { url: words, form: { CallStatus: words, SequenceNumber: words, [words]: words } })
    change(stream.marks, { name: words })
    Object.assign(session, { sessionId: words, config: { model: words }, violations: [words] })
    change(session.items, { text: words, name: words })
    change(session.responses, { status: words, reason: words })
    model.writings.push({
      atMs: at(8_900),
      model: words,
      instructions: words,
      input: words,
      output: words,
      status: 200,
    })
    change(inbox.messages, { subject: words, text: words, html: words, to: [words] })
    inbox.requests.push({ atMs: at(9_900), idempotencyKey: 'call-summary/1', status: 422, error: words })
    change(
      server.events.map(({ fact }) => fact),
      { text: words, unheard: words },
    )
    Object.assign(server.conversation ?? {}, { session_id: words })
    for (const entry of entries) {
      if (entry.wire === 'rest') entry.what = `POST ${words}`
      if (entry.what === 'say') entry.body = { words }
      if (entry.what.startsWith('response.function')) entry.body = { name: words, call_id: words, arguments: words }
      if (entry.what === 'ended') entry.body = { status: words, by: words }
    }
    entries.push({
      atMs: 8_000,
      wire: 'realtime',
      from: 'model',
      to: 'server',
      what: 'error',
      body: { error: { message: words } },
    })
    entries.push({
      atMs: 8_100,
      wire: 'call',
      from: 'carrier',
      to: 'carrier',
      what: `problem ${words}`,
      body: { text: words },
    })
  })

const pageSaying = (words: string): string => {
  const call = sayEverywhere(words)
  const violations = [{ rule: words, explanation: words, evidence: { [words]: words } }]
  return reportPage({ ...call, violations, seed: words, repeat: words, rules: [words] })
}

const scriptOf = (page: string): string => /<script>(.*?)<\/script>/s.exec(page)?.[1] ?? ''

describe('the page of a call', () => {
  test('takes nothing that was said in the call for markup', () => {
    const usual = tagsOf(pageSaying('Good morning'))
    expect(usual.length).toBeGreaterThan(100)
    for (const words of hostile) expect(tagsOf(pageSaying(words))).toEqual(usual)
    const signs = fc.constantFrom('<', '>', '"', "'", '&', '`', '/', '!', '-', '=', 'script', 'style', ' ', 'x')
    const words = fc.array(signs, { minLength: 1, maxLength: 12 }).map((each) => `x${each.join('')}`)
    fc.assert(
      fc.property(words, (said) => {
        expect(tagsOf(pageSaying(said))).toEqual(usual)
      }),
      { numRuns: 40 },
    )
  })

  test('escapes every sign that means something in HTML, in a text as in an attribute', () => {
    expect(html`<i title="${`<&>"'`}">${`<&>"'`}</i>`.text).toBe(
      '<i title="&lt;&amp;&gt;&quot;&#39;">&lt;&amp;&gt;&quot;&#39;</i>',
    )
  })

  test('lets its own script run and no other, and names nothing that would have to be fetched', () => {
    const page = pageSaying(hostile.join(' '))
    const hash = createHash('sha256').update(scriptOf(page)).digest('base64')
    expect(page).toContain(
      `default-src 'none'; style-src 'unsafe-inline'; media-src data:; script-src 'sha256-${hash}'`,
    )
    expect(page.match(/<script/g)).toHaveLength(1)
    expect(page.match(/<(link|img|iframe|object|embed|base|form)\b/g)).toBeNull()
    const sources = [...page.matchAll(/\s(?:src|href|poster|action)="([^"]{0,8})/g)].map(([, source]) => source)
    expect(sources.filter((source) => source !== 'data:aud' && !source?.startsWith('#'))).toEqual([])
    expect(page.match(/url\(|@import|\bimport\(/)).toBeNull()
  })

  test('is the same for the same call, whatever order the requests of one instant were written down in', () => {
    const written = (isTurned: boolean) =>
      reportedCall(({ carrier }, entries) => {
        const sent = {
          causedAtMs: at(8_700),
          atMs: at(8_900),
          url: 'https://frontdesk.example/a',
          status: 204,
          tookMs: 3,
        }
        carrier.deliveries.push({ ...sent, form: { SequenceNumber: '1' } }, { ...sent, form: { SequenceNumber: '0' } })
        const rest = (what: string) => ({ atMs: 8_710, wire: 'rest', from: 'server', to: 'carrier', what }) as const
        entries.push(rest('GET /Recordings/RE1.wav'), rest('GET /Recordings/RE2.wav'))
        if (!isTurned) return
        carrier.deliveries.reverse()
        entries.splice(-2, 2, rest('GET /Recordings/RE2.wav'), rest('GET /Recordings/RE1.wav'))
      })
    expect(reportPage(written(true)) === reportPage(written(false))).toBe(true)
  })

  test('carries the sound as it went over the line: the caller left, what was heard of the agent right', () => {
    const call = reportedCall()
    const page = reportPage(call)
    const wav = Buffer.from(/src="data:audio\/wav;base64,([^"]*)"/.exec(page)?.[1] ?? '', 'base64')
    const { caller, agent } = tracksOf(call.evidence.carrier)
    expect(wav.length).toBeLessThan(caller.length * 2 + 100)
    expect(Buffer.from(readWav(wav)).equals(Buffer.from(caller))).toBe(true)
    const frames = wav.subarray(-2 * agent.length)
    expect(Buffer.from(agent.map((_, index) => frames[2 * index + 1] ?? 0)).equals(Buffer.from(agent))).toBe(true)
  })

  test('of twenty seconds in which both talk all the time weighs less than a megabyte and a half', () => {
    const call = reportedCall(({ carrier, stream }) => {
      carrier.endedAtMs = at(20_000)
      stream.sent = Array.from({ length: 990 }, (_, index) => ({
        atMs: at(100 + index * 20),
        bytes: speech(`caller ${index}`, 20),
      }))
      stream.received = speech('agent', 19_800)
      stream.played = [{ atMs: at(100), fromByte: 0, toByte: stream.received.length }]
      stream.cleared = []
    })
    expect(reportPage(call).length).toBeLessThan(1_500_000)
  })

  test('of a call too long to be carried says where its sound is', () => {
    const call = reportedCall(({ carrier }) => {
      carrier.endedAtMs = at(11 * 60_000)
    })
    const page = reportPage(call)
    expect(wordsOf(page)).toContain('the sound is in call.wav')
    expect(page.includes('data:audio')).toBe(false)
  })

  test('can be made of a call of which there is nothing: never answered, no stream, no model, no database', () => {
    const call = reportedCall(({ carrier }) => {
      Object.assign(carrier, { answeredAtMs: null, endedAtMs: null, endedBy: null, status: 'ringing' })
      Object.assign(carrier, { streams: [], documents: [], deliveries: [], recordings: [], problems: [] })
    })
    const nothing = {
      model: { sessions: [], writings: [], thoughts: [], notes: [] },
      inbox: { messages: [], requests: [] },
    }
    const page = reportPage(reported({ ...call.evidence, ...nothing, server: null }, []))
    expect(wordsOf(page)).toContain('There was nothing to hear')
    expect(page.match(/NaN|undefined|Infinity/)).toBeNull()
  })

  test('gives the verdict, and each violation with its explanation', () => {
    const call = reportedCall()
    const rules = ['all is well', 'nothing is lost']
    expect(wordsOf(reportPage({ ...call, rules }))).toContain('✔ passed: all 2 rules hold')
    const violations = [{ rule: 'nothing is lost', explanation: 'A byte is lost', evidence: { byte: 7 } }]
    const words = wordsOf(reportPage({ ...call, rules, violations }))
    expect(words).toContain('✘ failed: 1 of 2 rules do not hold')
    expect(words).toContain('nothing is lost A byte is lost { "byte": 7 }')
  })
})
