// The thin hands of one live call: two sockets and a timer feed the machine and carry out its commands, in order. Nothing is
// decided here. Audio goes from socket to socket; nothing on its way is awaited, logged or kept.
import type { ToolCall, ToolOutput } from '../clinic/tool-runner.ts'
import type { Journal } from '../conversations/journal.ts'
import { type Cancel, type Clock, within } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { OpenSocket, Socket } from '../lib/socket.ts'
import { readModelEvent } from '../wire/realtime.ts'
import { type AgentAudio, audioBytes, audioOfDelta, clearMessage, play, spliceDelta } from './audio.ts'
import type { Ear } from './ear.ts'
import type { LineLimits } from './limits.ts'
import { step } from './machine.ts'
import type { CallPlan } from './plan.ts'
import type { Place } from './playback.ts'
import { realtimeUrl } from './realtime-url.ts'
import { beginCall, type CallEvent, type Command } from './state.ts'
import { nextDueAtMs } from './watch.ts'

export type CallDeps = { clock: Clock; log: Log; openSocket: OpenSocket; limits: LineLimits }

/** The caller's end: Twilio's media stream. */
export type Line = { streamSid: string; socket: Socket; ear: Ear }

/** What whoever planned the call does for it. */
type Doing = Pick<CallPlan, 'runTool' | 'consult' | 'recall' | 'isSpent' | 'journal'>
type Hands = Doing & { line: Line | null }

/** What happens outside, without its time. */
type Happening = WithoutTime<CallEvent>
type WithoutTime<E> = E extends CallEvent ? Omit<E, 'atMs'> : never

export type Call = {
  callSid: string
  generation: number
  /** Whether nothing can come of it any more, as when its model failed before the stream was there. */
  isOver(): boolean
  /** The stream is there. `plan`: the one that its token was redeemed for; its tools and journal serve the call. */
  join(line: Line, plan: Doing): void
  tell(happening: Extract<Happening, { on: 'mark' | 'key' | 'left' | 'hand-over' | 'switch-mode' }>): void
  /** Nothing more will come of it, and everything is in the ledger. */
  finished: Promise<void>
}

/** Opens the model's socket at once. Without a line, it is warm for the stream that will join. */
export function openCall(deps: CallDeps, plan: CallPlan, firstLine: Line | null): Call {
  const { clock, limits } = deps
  const log = deps.log.child({ callSid: plan.callSid, conversationId: plan.conversationId })
  const { promise: finished, resolve: resolveFinished } = Promise.withResolvers<void>()
  const toolRuns = new Set<Promise<void>>()
  const consults = new Map<string, AbortController>()
  let model: Socket | null = null
  /** Counts the model's sockets: what an older one still says is not heard. */
  let sockets = 0
  const inbox: { happening: Happening; audio: string | null }[] = []
  // Until the model's socket is there, nothing is carried out.
  let isActing = true
  let state = beginCall(plan, clock.now())
  let hands: Hands = { ...plan, line: firstLine }
  let cancelTimer: Cancel = () => {}
  let wakesAtMs = Number.POSITIVE_INFINITY
  let isAskingWhetherSpent = false

  /** One thing at a time: what happens while commands are carried out waits until they are. */
  function tell(happening: Happening, audio: string | null = null): void {
    inbox.push({ happening, audio })
    if (!isActing) actOnAll()
  }

  function actOnAll(): void {
    isActing = true
    try {
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
        const atMs = clock.now()
        const { state: changed, commands } = step(state, { ...next.happening, atMs })
        state = changed
        for (const command of commands) act(command, atMs, next.audio)
      }
    } catch (error) {
      breakOff(error)
    }
    isActing = false
    setTimer()
  }

  /** A bug. The stream is given up rather than left in silence: Twilio goes on with the call's TwiML. */
  function breakOff(error: unknown): void {
    log.error({ error: error instanceof Error ? error : undefined }, 'a live call broke')
    state = { ...state, phase: { is: 'closed' } }
    finish(hands.line, hands.journal)
  }

  function act(command: Command, atMs: number, audio: string | null): void {
    const { line, runTool, journal } = hands
    switch (command.do) {
      case 'tell-model':
        sendToModel(JSON.stringify(command.event))
        break
      case 'open-ear': {
        const ms = line?.ear.open(sendToModel, command.again) ?? 0
        if (ms > 0) tell({ on: 'audio-lost', ms })
        break
      }
      case 'drop-model':
        line?.ear.hold()
        dropModel()
        break
      case 'open-model':
        openModel()
        break
      case 'recall':
        void recall(command)
        break
      case 'play':
        if (line !== null && audio !== null) playTo(line, audio, command)
        break
      case 'clear':
        if (line !== null && !line.socket.send(clearMessage(line.streamSid))) lineBroke(line)
        break
      case 'attend':
        line?.ear.attend(command.ms, () => tell({ on: 'goes-on' }))
        break
      case 'run-tool':
        run(command.call, runTool(command.call, state.script.mode))
        break
      case 'consult':
        ask(command)
        break
      case 'stop-consult':
        consults.get(command.toolCallId)?.abort()
        break
      case 'record':
        journal.write(command.fact, atMs, command.attempt)
        // A turn's transcription is paid beside its answer, which costs more.
        if (command.fact.kind === 'usage' && command.fact.source !== 'transcription') void askWhetherSpent()
        break
      case 'hang-up':
        line?.ear.close()
        void flushed(journal).then(() => line?.socket.close(1000, 'the stream is over'))
        break
      case 'finish':
        finish(line, journal)
        break
      case 'note':
        log[command.level]({ reason: command.about, code: command.code }, 'live call')
        break
    }
  }

  function playTo(line: Line, audio: string, place: Place): void {
    if (!play(line.streamSid, audio, place, (message) => line.socket.send(message))) lineBroke(line)
  }

  function run({ toolCallId, name }: ToolCall, answer: Promise<ToolOutput>): void {
    const running = answer.then(
      ({ outcome: _, ...answer }) => tell({ on: 'tool-answered', toolCallId, ...answer }),
      (error: unknown) => {
        log.error({ toolCallId, tool: name, error: error instanceof Error ? error : undefined }, 'a tool broke')
        const output = JSON.stringify({ error: 'this does not work just now' })
        tell({ on: 'tool-answered', toolCallId, output, endsCall: false })
      },
    )
    toolRuns.add(running)
    void running.finally(() => toolRuns.delete(running))
  }

  function ask({ call, unsettled }: Extract<Command, { do: 'consult' }>): void {
    const stopping = new AbortController()
    const answer = hands.consult(call, { unsettled, signal: stopping.signal })
    consults.set(call.toolCallId, stopping)
    run(
      call,
      answer.finally(() => consults.delete(call.toolCallId)),
    )
  }

  /** One question at a time. When it cannot be answered the call goes on: the next use asks again. */
  async function askWhetherSpent(): Promise<void> {
    if (isAskingWhetherSpent) return
    isAskingWhetherSpent = true
    try {
      await hands.journal.flush('soon')
      if (await hands.isSpent()) tell({ on: 'spent' })
    } catch (error) {
      log.warn({ error: error instanceof Error ? error : undefined }, 'nobody knows what the call may still cost')
    }
    isAskingWhetherSpent = false
  }

  /** What is still being written belongs to it. Without an answer the session is tried again. */
  async function recall({ session, streamSid, unsettled }: Extract<Command, { do: 'recall' }>): Promise<void> {
    const { journal, recall } = hands
    const asked = journal.flush().then(() => recall({ streamSid, unsettled }))
    const recollection = await within(clock, limits.recallMs, asked).catch((error: Error) => {
      log.warn({ error }, 'the ledger did not say what the next session must know')
      return null
    })
    tell({ on: 'recalled', session, recollection })
  }

  /** The ledger has what was written, or has had its time. */
  const flushed = (journal: Journal): Promise<void> =>
    new Promise((resolve) => {
      const cancel = clock.after(limits.flushMs, resolve)
      void journal.flush().finally(() => {
        cancel()
        resolve()
      })
    })

  function finish(line: Line | null, journal: Journal): void {
    cancelTimer()
    line?.ear.close()
    dropModel()
    for (const consult of consults.values()) consult.abort()
    void Promise.allSettled(toolRuns)
      .then(() => journal.flush())
      .finally(() => {
        line?.socket.close(1000)
        resolveFinished()
      })
  }

  /** A socket that takes nothing more is as good as closed. */
  function sendToModel(message: string): void {
    if (model === null || model.send(message)) return
    dropModel()
    tell({ on: 'model-gone', code: 1006 })
  }

  function dropModel(): void {
    const dropped = model
    model = null
    sockets++
    dropped?.close(1000)
  }

  function openModel(): void {
    const number = ++sockets
    const { baseUrl, apiKey, safetyIdentifier } = plan.realtime
    const headers = {
      Authorization: `Bearer ${apiKey}`,
      ...(safetyIdentifier === undefined ? {} : { 'OpenAI-Safety-Identifier': safetyIdentifier }),
    }
    model = deps.openSocket(realtimeUrl(baseUrl, plan.model.model), headers, {
      message(text) {
        if (number === sockets) heardFromModel(text)
      },
      close(code) {
        if (number === sockets) tell({ on: 'model-gone', code })
      },
    })
  }

  function lineBroke(line: Line): void {
    line.socket.close()
    tell({ on: 'left', how: 'broken' })
  }

  function heardFromModel(message: string): void {
    const spliced = spliceDelta(message)
    if (spliced === null) readInFull(message)
    else agentSpeaks(spliced)
  }

  function readInFull(message: string): void {
    const read = readModelEvent(message)
    switch (read.is) {
      case 'unknown':
        break
      case 'malformed':
        log.warn({ event: read.type }, 'the model said what cannot be read')
        break
      case 'event': {
        const { event } = read
        if (event.type !== 'response.output_audio.delta') tell({ on: 'said', event })
        else agentSpeaks(audioOfDelta(event))
      }
    }
  }

  function agentSpeaks(audio: AgentAudio | null): void {
    if (audio === null) return
    const { payload, responseId, itemId, contentIndex } = audio
    tell({ on: 'audio', responseId, itemId, contentIndex, bytes: audioBytes(payload) }, payload)
  }

  /** One timer, at the earliest of what the machine and the caller's ear wait for. A timer that is early is left as it is. */
  function setTimer(): void {
    const dueAtMs = Math.min(nextDueAtMs(state), silenceDueAtMs())
    if (dueAtMs >= wakesAtMs) return
    cancelTimer()
    wakesAtMs = dueAtMs
    cancelTimer = clock.after(Math.max(0, dueAtMs - clock.now()), wake)
  }

  const silenceDueAtMs = (): number =>
    state.floor.is === 'caller' || state.floor.is === 'overlap'
      ? (hands.line?.ear.silenceDueAtMs() ?? Number.POSITIVE_INFINITY)
      : Number.POSITIVE_INFINITY

  function wake(): void {
    wakesAtMs = Number.POSITIVE_INFINITY
    const now = clock.now()
    if (silenceDueAtMs() <= now) hands.line?.ear.fillSilence(now)
    if (nextDueAtMs(state) <= now) tell({ on: 'time' })
    else setTimer()
  }

  if (firstLine !== null) tell({ on: 'joined', streamSid: firstLine.streamSid })
  openModel()
  actOnAll()

  return {
    callSid: plan.callSid,
    generation: plan.generation,
    isOver: () => state.phase.is === 'closed',
    join(line, doing) {
      hands = { ...doing, line }
      tell({ on: 'joined', streamSid: line.streamSid })
    },
    tell,
    finished,
  }
}
