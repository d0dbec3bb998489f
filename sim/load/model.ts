// The model of a load: as many sessions as come, and the analysis of each call afterwards. Takes the one key that it was given.
import type { SimClock } from '../clock.ts'
import { json, keyOf, refused } from '../model/answers.ts'
import { createWriter } from '../model/writer.ts'
import type { StandIn } from '../network.ts'
import type { Random } from '../random.ts'
import { type Conversing, converse } from './conversing.ts'

const analysis = {
  summary: 'The caller asked for the opening hours.',
  reason: 'Opening hours',
  outcome: 'question-answered',
  urgency: 'routine',
  followUps: [],
  language: 'en',
  callerName: null,
  callbackNumber: null,
}

export type LoadModel = {
  standIn: StandIn
  sessions(): number
}

export function createLoadModel(
  parts: Omit<Conversing, 'nextId'> & { clock: SimClock; random: Random; apiKey: string },
): LoadModel {
  const { beat, tally, clock, random, apiKey } = parts
  let sessions = 0
  let issued = 0
  const nextId = (prefix: string): string => prefix + String(++issued).padStart(idDigits, '0')
  const writer = createWriter({ clock, random, nextWriting: () => ({ value: analysis }), note: () => {} })
  const isStranger = (request: Request): boolean => keyOf(request) !== apiKey
  return {
    sessions: () => sessions,
    standIn: {
      async fetch(request) {
        if (isStranger(request)) return refused(401, 'Incorrect API key provided.', 'invalid_api_key')
        const { pathname } = new URL(request.url)
        if (request.method === 'POST' && pathname === '/v1/responses') return writer.answer(await request.json())
        if (pathname === '/v1/models') return json({ object: 'list', data: [] })
        return refused(404, `Invalid URL (${request.method} ${pathname})`)
      },
      upgrade(request) {
        if (isStranger(request)) return { refuse: refused(401, 'Incorrect API key provided.', 'invalid_api_key') }
        sessions++
        return { protocol: 'realtime', accept: (line) => converse({ beat, tally, nextId }, line) }
      },
    },
  }
}

const idDigits = 21
