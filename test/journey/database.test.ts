// The database restarts while callers are on the line: they are answered and heard out, and every word is in the ledger when it
// is back.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { TraceEntry } from '../../sim/trace.ts'
import { type Deployed, factsOf, openDeployed, says } from './deployed.ts'

setDefaultTimeout(120_000)

/** Longer than a moment, and shorter than anybody's patience. */
const downMs = 1_000

let deployed: Deployed
beforeAll(async () => {
  deployed = await openDeployed({ machines: 1 })
})
afterAll(() => deployed.close())

const bye = { call: 'end_call', arguments: { reason: 'The caller said goodbye.' } }

/** The call, with the database killed, and back after a while, at the first sign that `isTime` knows. */
async function callWithRestart(isTime: (entry: TraceEntry) => boolean, script: Parameters<Deployed['call']>[0]) {
  let restarting: Promise<void> | null = null
  const result = await deployed.call(script, (entry) => {
    if (restarting === null && isTime(entry)) restarting = deployed.deployment.restartDatabase(downMs)
  })
  await restarting
  return result
}

describe('a database that is killed, and is back after a second', () => {
  test('in mid-call: the caller hears nothing of it, and all that was said is in the ledger and the mail', async () => {
    const heard = { caller: ['A message for the doctor, please.', 'Thanks, goodbye.'], agent: ['Lakeside.', 'Go on.'] }
    const [message = '', thanks = ''] = heard.caller
    const result = await callWithRestart(({ what }) => what === 'said', {
      caller: [
        await says({ on: 'agent-finished' }, message, 'think-about-it'),
        await says({ on: 'agent-finished' }, thanks, 'thanks-goodbye'),
      ],
      responses: [[{ say: 'Lakeside.' }], [{ say: 'Go on.' }], [{ say: 'Goodbye.' }, bye]],
    })
    const { carrier, inbox, server } = result.evidence
    expect(carrier.streams).toHaveLength(1)
    const said = (speaker: string) => factsOf(result, 'utterance').filter((each) => each.speaker === speaker)
    expect(said('caller').map(({ text }) => text)).toEqual(heard.caller)
    expect(said('agent').map(({ text }) => text)).toEqual([...heard.agent, 'Goodbye.'])
    expect(server?.emailDeliveries.map(({ state }) => state)).toEqual(['sent'])
    expect(inbox.messages).toHaveLength(1)
    for (const words of heard.caller) expect(inbox.messages[0]?.text).toContain(words)
  })

  test('while the call rings: it is answered by the agent, and not by the tape', async () => {
    const result = await callWithRestart(({ what }) => what === 'ringing', {
      caller: [await says({ on: 'agent-finished' }, 'Thanks, goodbye.', 'thanks-goodbye')],
      responses: [[{ say: 'Lakeside.' }], [{ say: 'Goodbye.' }, bye]],
    })
    expect(result.evidence.carrier.streams).toHaveLength(1)
    expect(factsOf(result, 'utterance').map(({ text }) => text)).toEqual(['Lakeside.', 'Thanks, goodbye.', 'Goodbye.'])
    expect(result.evidence.inbox.messages).toHaveLength(1)
  })
})
