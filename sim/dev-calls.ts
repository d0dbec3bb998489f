// The door at which a running `bun dev` is asked for calls: places them one at a time, since the stand-ins of a call are the
// only ones there are, and tells what happens as it happens. A call that nobody waits for any more, or of which the server has
// died, is hung up and given up.
import { runCall, type Scene } from './call.ts'
import type { CallerWish } from './caller-wish.ts'
import { createConsole } from './console.ts'
import type { DevLine, DevRequest } from './dev-door.ts'
import type { KeptServer } from './dev-server.ts'
import { Mistake } from './mistake.ts'
import { unscripted } from './model/improvising.ts'
import type { StandIn } from './network.ts'
import type { Fixture } from './script.ts'
import { makeRoom, showCall } from './show.ts'
import { createSpeech, speechFolder } from './speech.ts'
import { commandOf, fixtureOf, type Wish } from './wish.ts'

type Told = (line: DevLine) => void

const somebody: CallerWish = { turns: [{ say: 'Hello, does this line work?' }, { say: 'Thank you, bye.' }], keys: [] }

export function createCallDoor(scene: Scene, server: KeptServer): StandIn {
  const speech = createSpeech({ cacheFolder: speechFolder })
  let queue: Promise<unknown> = Promise.resolve()
  let waiting = 0

  async function place({ wish, screen }: DevRequest, tell: Told, hangUp: AbortController): Promise<void> {
    const write = (text: string) => tell({ text })
    const console = createConsole({ ...screen, write: wish.json ? () => {} : write }, { NO_COLOR: screen.noColor })
    const fixture = await fixtureFor(wish, tell)
    await makeRoom(wish)
    await server.untilReady()
    const over = runCall(scene, {
      fixture,
      seed: wish.seed,
      speech,
      chaos: wish.chaos?.plan,
      carrierFaults: wish.carrierFaults?.faults,
      signal: hangUp.signal,
      onTrace: (trace) => trace.onEntry(console.entry),
    })
    const given = await Promise.race([over, server.ended()])
    if (typeof given === 'string') {
      // Given up, it may fail as it likes.
      over.catch(() => {})
      hangUp.abort()
      return tell({ gone: `The server ended in the middle of the call (${given}).` })
    }
    // The next call waited for it, so as not to be sent its mail.
    if (hangUp.signal.aborted) return
    const repeat = commandOf(wish, [`--target ${server.origin}`])
    const exitCode = await showCall(given, wish, { console, print: (line) => write(`${line}\n`), repeat })
    tell({ exitCode })
  }

  /** A clinic of one's own has no usual call: whoever rings it says hello, if nothing else was asked for. */
  async function fixtureFor(wish: Wish, tell: Told): Promise<Fixture> {
    const fixture = await fixtureOf(wish)
    const admins = fixture.expect.isRouted ? null : await scene.view.adminsOf(fixture.call.to)
    if (admins === null) return fixture
    if (wish.caller === undefined)
      tell({ progress: 'no fixture calls this clinic: the caller says hello, and the model repeats it (see --say)' })
    const own = await fixtureOf({ ...wish, caller: wish.caller ?? somebody })
    const model = { ...unscripted, hears: own.model.hears }
    return { ...own, model, expect: { ...own.expect, isRouted: true, emails: [{ to: admins }] } }
  }

  return {
    async fetch(request) {
      if (request.method !== 'POST') return new Response('POST a call here', { status: 405 })
      const asked: DevRequest = JSON.parse(await request.text())
      const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
      const writer = writable.getWriter()
      const encoder = new TextEncoder()
      const hangUp = new AbortController()
      const tell: Told = (line) => void writer.write(encoder.encode(`${JSON.stringify(line)}\n`)).catch(() => {})
      // Whoever asked has gone.
      writer.closed.catch(() => hangUp.abort())
      if (waiting++ > 0) tell({ progress: 'waiting for the call before this one' })
      queue = queue
        .then(() => (hangUp.signal.aborted ? undefined : place(asked, tell, hangUp)))
        .catch((error: unknown) =>
          tell({ mistake: error instanceof Mistake ? error.message : `The call broke: ${error}` }),
        )
        .finally(() => {
          waiting--
          return writer.close().catch(() => {})
        })
      // So that whoever asked has the answer's head before anything happens.
      void writer.write(encoder.encode('\n')).catch(() => {})
      return new Response(readable, { headers: { 'content-type': 'application/x-ndjson' } })
    },
  }
}
