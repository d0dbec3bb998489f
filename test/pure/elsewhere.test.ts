// A server that is not ours: what of its address a call goes by.
import { expect, test } from 'bun:test'
import { voiceUrlOf } from '../../sim/elsewhere.ts'

const known = new URL('https://desk.example')

test.each([
  ['http://127.0.0.1:3000', 'https://desk.example/api/twilio/incoming-call'],
  ['http://127.0.0.1:3000/voice', 'https://desk.example/voice'],
  ['http://127.0.0.1:3000/voice?clinic=2#rc=2&rp=5xx', 'https://desk.example/voice?clinic=2#rc=2&rp=5xx'],
])('its webhook is asked by the name that it knows itself by, query and overrides kept: %s', (target, url) => {
  expect(voiceUrlOf(new URL(target), known)).toBe(url)
})
