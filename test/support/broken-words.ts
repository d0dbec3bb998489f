// Calls whose transcript or tools are wrong: what each rule of words must see. Each entry names the rule by the beginning
// of its name.
import { at } from './audited-call.ts'
import { type Breaking, factOf, item, utterance } from './audited-parts.ts'

export const brokenWords: Breaking[] = [
  [
    'the transcript is what was said and heard',
    'it has all that was generated',
    (call) =>
      Object.assign(utterance(call, 'item_B').fact, { text: item(call, 'item_B').text, unheard: '', isCut: false }),
  ],
  [
    'the transcript is what was said and heard',
    'it has all of it as heard, though it says cut',
    (call) => Object.assign(utterance(call, 'item_B').fact, { text: item(call, 'item_B').text, unheard: '' }),
  ],
  [
    'the transcript is what was said and heard',
    'it has none of it as heard',
    (call) => Object.assign(utterance(call, 'item_B').fact, { text: '', unheard: item(call, 'item_B').text }),
  ],
  [
    'the transcript is what was said and heard',
    'it leaves out what was not heard',
    (call) => Object.assign(utterance(call, 'item_B').fact, { unheard: '' }),
  ],
  [
    'the transcript is what was said and heard',
    'a heard turn is missing',
    (call) => call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_A')), 1),
  ],
  [
    'the transcript is what was said and heard',
    'the caller’s last words are missing',
    (call) => call.server.events.splice(call.server.events.indexOf(utterance(call, 'item_U2')), 1),
  ],
  [
    'the transcript is what was said and heard',
    'the caller’s words are others',
    (call) => Object.assign(utterance(call, 'item_U1').fact, { text: 'Other words.' }),
  ],
  [
    'the transcript is what was said and heard',
    'a heard turn counts as cut',
    (call) => Object.assign(utterance(call, 'item_A').fact, { isCut: true }),
  ],
  [
    'the transcript is what was said and heard',
    'the speakers are exchanged',
    (call) => Object.assign(utterance(call, 'item_A').fact, { speaker: 'caller' }),
  ],
  [
    'the transcript is what was said and heard',
    'two turns change places',
    (call) => Object.assign(utterance(call, 'item_U1').fact, { order: 9 }),
  ],
  [
    'the transcript is what was said and heard',
    'a turn is invented',
    (call) => Object.assign(utterance(call, 'item_A').fact, { itemId: 'item_Z' }),
  ],
  [
    'the conversation’s transcript holds every turn, in order',
    'the column is empty',
    ({ row }) => (row.transcript = null),
  ],
  [
    'the turns are those of the fixture',
    'one is other',
    ({ fixture }) => Object.assign(fixture.expect.turns[0] ?? {}, { text: 'Hi.' }),
  ],
  [
    'the turns are those of the fixture',
    'one too few',
    ({ fixture }) => fixture.expect.turns.push({ speaker: 'caller' }),
  ],
  ['the turns are those of the fixture', 'one too many', ({ fixture }) => fixture.expect.turns.pop()],
  [
    'every tool is called and answered once',
    'a tool is never called',
    ({ fixture }) => fixture.expect.tools.push({ name: 'end_call', outcome: 'done' }),
  ],
  ['every tool is called and answered once', 'a tool too many', ({ fixture }) => fixture.expect.tools.pop()],
  [
    'every tool is called and answered once',
    'another tool',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { name: 'other' }),
  ],
  [
    'every tool is called and answered once',
    'other arguments',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { arguments: { caller_name: 'Sam' } }),
  ],
  [
    'every tool is called and answered once',
    'another outcome',
    ({ fixture }) => Object.assign(fixture.expect.tools[0] ?? {}, { outcome: 'failed' }),
  ],
  [
    'every tool is called and answered once',
    'it answers twice',
    (call) => call.server.events.push(factOf(call, 'tool.returned:take_message')),
  ],
  [
    'every tool is called and answered once',
    'the model never hears of it',
    ({ session }) => (session.items = session.items.filter(({ role }) => role !== 'function_call_output')),
  ],
  [
    'the call is switched to another mode as the fixture says',
    'a switch that nobody asked for',
    ({ server }) =>
      server.events.push({
        key: 'mode.switched:0:1',
        kind: 'mode.switched',
        atMs: at(3_000),
        fact: { to: 'two_agent' },
      }),
  ],
  [
    'the call is switched to another mode as the fixture says',
    'a switch that was not made',
    ({ fixture }) => (fixture.expect.modes = ['two_agent']),
  ],
]
