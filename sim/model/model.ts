// The stand-in for OpenAI, written from the vendor's documents: Realtime sessions over WebSocket, structured answers and
// the supervisor's thinking over HTTP. It performs a script, hears real speech in real audio, and remembers everything. It knows no server but the wire.
import type { SimClock } from '../clock.ts'
import type { Handshake, StandIn } from '../network.ts'
import { createRandom } from '../random.ts'
import type { ModelRecord } from '../record.ts'
import type { ModelScript } from '../script.ts'
import type { Speech } from '../speech.ts'
import type { Trace } from '../trace.ts'
import { failure, keyOf, refused } from './answers.ts'
import { type Breaks, createBreaks } from './breaks.ts'
import { answerOfCatalogue } from './catalogue.ts'
import { drawId } from './channel.ts'
import { defaultConfig } from './config.ts'
import { type Ear, openEar } from './detector.ts'
import { createLimits, type Limits } from './limits.ts'
import { refusalOfQuestion } from './questions.ts'
import { type Repertoire, rehearse } from './repertoire.ts'
import { createSecrets } from './secrets.ts'
import { openSession, type Session } from './session.ts'
import { type ModelSettings, USUAL_SETTINGS } from './settings.ts'
import { createThinker, isForThinker } from './thinker.ts'
import { createWriter } from './writer.ts'

export type Model = {
  readonly standIn: StandIn
  /**
   * Takes a script for what comes next, its speech made beforehand. Until it has settled every handshake is answered with
   * 503. Rejects when the script has something that cannot be spoken.
   */
  use(script: ModelScript): Promise<void>
  /** The line to the caller broke, and the call goes on with another session. */
  breakOff(): void
  /** The newest open session ends as one that is too old. */
  expire(): void
  /** The turn with this μ-law in it is transcribed as these words; in another format, the next one that the script does not foresee. */
  expect(words: string, audio: Uint8Array): void
  /** The call is later than the script has it. */
  fallOutOfStep(): void
  /** Everything since the model was created. */
  record(): ModelRecord
}

type Ready = { ear: Ear; repertoire: Repertoire; settings: ModelSettings; breaks: Breaks; limits: Limits }

export function createModel(parts: {
  clock: SimClock
  trace: Trace
  speech: Speech
  seed: string | number
  /** Whether a broken rule ends the session, with close code 1008. */
  isStrict: boolean
  /** The only key that is taken; without it, any. */
  apiKey?: string
  settings?: Partial<ModelSettings>
}): Model {
  const { clock, trace } = parts
  const settings = { ...USUAL_SETTINGS, ...parts.settings }
  const random = createRandom(parts.seed).child('model')
  const sessions: Session[] = []
  const notes: string[] = []
  const note = (text: string) => notes.push(text)
  const requestIds = random.child('requests')
  const secrets = createSecrets(clock, random.child('secrets'))
  const writer = createWriter({
    clock,
    random: random.child('writer'),
    nextWriting: (schema) => ready?.repertoire.nextWriting(schema),
    note,
  })
  const thinker = createThinker({
    clock,
    random: random.child('thinker'),
    thoughtMs: settings.thoughtMs,
    nextConsultation: () => ready?.repertoire.nextConsultation(),
    isInStep: () => ready?.repertoire.isInStep() ?? true,
    note,
  })
  let ear: Promise<Ear> | null = null
  let refusedHttp = 0
  let ready: Ready | null = null

  async function prepare(script: ModelScript): Promise<void> {
    ready = null
    refusedHttp = 0
    const { connection = script.connection, ...faults } = script.faults ?? {}
    const repertoire = await rehearse({ ...script, connection }, { clock, speech: parts.speech, note })
    const { transcriptMs } = script
    const pace = transcriptMs === undefined ? {} : { transcriptMs: [transcriptMs, transcriptMs] as const }
    const cuts = [...settings.cuts, ...(faults.cuts ?? [])]
    const paced = { ...settings, ...pace, ...faults, cuts }
    const breaks = createBreaks({ clock, note, ...paced })
    const limits = createLimits(clock, paced.rateLimits)
    ready = { ear: await (ear ??= openEar()), repertoire, settings: paced, breaks, limits }
  }

  const isKnown = (key: string) => parts.apiKey === undefined || key === parts.apiKey || secrets.find(key) !== undefined

  function unauthorized(request: Request): Response | undefined {
    const key = keyOf(request)
    if (key === null) return refused(401, "You didn't provide an API key.")
    if (!isKnown(key)) return refused(401, 'Incorrect API key provided.', 'invalid_api_key')
    return undefined
  }

  function upgrade(request: Request): Handshake {
    const { model, refusal } = admit(request)
    const url = new URL(request.url)
    const what = refusal ? `handshake ${refusal.status}` : 'handshake'
    trace.add({ wire: 'realtime', from: 'server', to: 'model', what, body: { path: url.pathname + url.search } })
    if (refusal) return { refuse: refusal }
    if (!ready) return { refuse: refused(503, 'The model has no script yet.') }
    const opened = ready
    const config = secrets.find(keyOf(request))?.config ?? defaultConfig()
    return {
      protocol: 'realtime',
      accept(line) {
        const child = random.child(`session ${sessions.length}`)
        const common = { line, clock, trace, ...opened, model, config, note }
        const session = openSession({ ...common, random: child, isStrict: parts.isStrict })
        sessions.push(session)
        opened.breaks.opened(session)
        return session.handlers
      },
    }
  }

  function admit(request: Request): { model: string; refusal?: Response } {
    const { pathname, searchParams } = new URL(request.url)
    const model = searchParams.get('model') ?? secrets.find(keyOf(request))?.model ?? ''
    const refuse = (refusal: Response) => ({ model, refusal })
    if (pathname !== '/v1/realtime') return refuse(refused(404, `Invalid URL (GET ${pathname})`))
    const stranger = unauthorized(request)
    if (stranger) return refuse(stranger)
    if (request.headers.has('openai-beta')) {
      note('A handshake came with OpenAI-Beta: the beta interface is switched off')
      return refuse(refused(500, 'The beta interface is switched off.'))
    }
    if (searchParams.has('call_id')) return refuse(refused(404, 'No such call.', 'call_id_not_found'))
    if (!model) return refuse(refused(400, 'You must provide a model parameter.', 'missing_model'))
    if (ready && !ready.breaks.admits()) return refuse(refused(503, 'The service is overloaded.'))
    if (ready && 'refuse' in ready.repertoire.connection)
      return refuse(refused(ready.repertoire.connection.refuse, 'The script refuses this connection.'))
    return { model }
  }

  async function fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    const what = `${request.method} ${pathname}`
    const body: unknown = request.method === 'POST' ? await request.json().catch(() => undefined) : undefined
    trace.add({ wire: 'responses', from: 'server', to: 'model', what, body })
    const response = unauthorized(request) ?? overloaded() ?? (await answer(request.method, pathname, body))
    response.headers.set('x-request-id', drawId(requestIds, 'req_'))
    trace.add({
      wire: 'responses',
      from: 'model',
      to: 'server',
      what: String(response.status),
      body: await response.clone().json(),
    })
    return response
  }

  /** The first requests of a script may be refused, as by a service that has too many of them. */
  function overloaded(): Response | undefined {
    const { times, status } = ready?.settings.refuseHttp ?? settings.refuseHttp
    if (refusedHttp >= times) return undefined
    refusedHttp++
    const [message, code] =
      status === 429 ? ['Rate limit reached.', 'rate_limit_exceeded'] : ['The service is in trouble.', null]
    return refused(status, message, code)
  }

  function answer(method: string, path: string, body: unknown): Response | Promise<Response> {
    switch (`${method} ${path}`) {
      case 'POST /v1/responses':
        return body === undefined ? notJson() : answerQuestion(body)
      case 'POST /v1/realtime/client_secrets':
        return body === undefined ? notJson() : secrets.create(body)
      default: {
        const told = method === 'GET' ? answerOfCatalogue(path, without()) : null
        return told ?? refused(404, `Invalid URL (${method} ${path})`)
      }
    }
  }

  const notJson = () => refused(400, 'The body of the request is not JSON.')
  const without = () => (ready?.settings ?? settings).without

  function answerQuestion(body: unknown): Response | Promise<Response> {
    const problem = refusalOfQuestion(body, without())
    if (problem !== null) return failure(problem.status, problem.refusal)
    return isForThinker(body) ? thinker.answer(body) : writer.answer(body)
  }

  return {
    standIn: { fetch, upgrade },
    use: (script) => clock.hold(prepare(script), 'the rehearsal of the model'),
    breakOff: () => ready?.repertoire.breakOff(),
    expire: () => sessions.findLast(({ isOpen }) => isOpen)?.expire(),
    expect: (words, audio) => ready?.repertoire.expect(words, audio),
    fallOutOfStep: () => ready?.repertoire.fallOutOfStep(),
    record: () => ({
      sessions: sessions.map((session) => session.record()),
      writings: writer.record(),
      thoughts: thinker.record(),
      notes: [...notes],
    }),
  }
}
