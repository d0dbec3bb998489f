// A model whose socket breaks, on real sockets: the next one knows the history before it hears the caller.
import { expect, test } from 'bun:test'
import { recollection } from '../pure/bridge-scene.ts'
import { stage } from './bridge-peers.ts'

const audio = (length: number, value: number) => Buffer.alloc(length, value).toString('base64')

test('another model is told the history first, and then hears what the caller said meanwhile', async () => {
  const { live, model, journal, clock, plan, close } = await stage()
  const content = [{ type: 'input_text' as const, text: 'A check-up, please.' }]
  const said = { type: 'message' as const, role: 'user' as const, content }
  plan.recall = async () => recollection([said])
  const { stream, session } = await live()
  session.close(1011)
  await journal.has('model.lost')
  stream.frame(audio(160, 7))
  clock.advance(0)
  const next = await model.ready(1)
  expect(await next.received.next('conversation.item.create')).toMatchObject({ item: said })
  await journal.has('model.rebuilt')
  stream.frame(audio(160, 8))
  const heard: unknown[] = []
  while (heard.at(-1) !== audio(160, 8)) heard.push((await next.received.next('input_audio_buffer.append')).audio)
  // What was heard last by the model before is heard again: speech may have begun in it.
  expect(heard).toEqual(['AAAA', audio(160, 7), audio(160, 8)])
  next.send({ type: 'response.created', event_id: 'e', response: { id: 'r1' } })
  const part = { response_id: 'r1', item_id: 'a1', output_index: 0, content_index: 0 }
  next.send({ type: 'response.output_audio.delta', event_id: 'e', ...part, delta: audio(160, 5) })
  expect(await stream.received.next('media')).toMatchObject({ media: { payload: audio(160, 5) } })
  stream.stop()
  await close()
})
