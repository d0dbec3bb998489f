// Calls whose model was lost and badly replaced. Each entry names the rule by the beginning of its name.
import { at } from './audited-call.ts'
import { type Breaking, item } from './audited-parts.ts'

const voice = (name: string) => ({ type: 'realtime', audio: { output: { voice: name } } })

export const brokenRenewal: Breaking[] = [
  [
    'the caller is greeted once',
    'the session that takes over greets again',
    (call) => {
      call.fixture.model.responses = [[{ say: item(call, 'item_A').text }]]
      const again = { ...item(call, 'item_C'), text: item(call, 'item_A').text }
      call.session.items = call.session.items.filter(({ itemId }) => itemId !== 'item_C')
      call.model.sessions.push({ ...call.session, sessionId: 'sess_2', items: [again], speech: [] })
    },
  ],
  [
    'the agent speaks with one voice',
    'the session that takes over has another',
    (call) => {
      call.session.config = voice('marin')
      call.model.sessions.push({ ...call.session, sessionId: 'sess_2', config: voice('cedar') })
    },
  ],
  [
    'the model is replaced as often as',
    'it never is',
    (call) => {
      call.fixture.expect.renewals = 1
    },
  ],
  [
    'a caller whose model is lost in the middle',
    'they wait for long',
    ({ session, stream }) => {
      session.closedAtMs = at(2_000)
      for (const { bytes } of stream.sent) bytes.fill(0xff)
      for (const response of session.responses) response.status = 'lost'
      for (const run of stream.played.slice(1)) run.atMs += 2_000
    },
  ],
]
