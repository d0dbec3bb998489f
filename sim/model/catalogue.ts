// The models that this vendor tells of. 2027-01-20, when the first generation of realtime models ends, is announced; for the
// others no end is known. Source: platform.openai.com/docs/api-reference/models.
import { failure, json } from './answers.ts'
import { noSuchModel } from './questions.ts'

const usual = [
  'gpt-realtime-2.1',
  'gpt-realtime-2.1-mini',
  'gpt-realtime',
  'gpt-realtime-mini',
  'gpt-transcribe',
  'gpt-5.4',
  'gpt-5.4-mini',
  'gpt-6-luna',
]
const ending = new Map([
  ['gpt-realtime', '2027-01-20'],
  ['gpt-realtime-mini', '2027-01-20'],
])

/** Answers `GET /v1/models` and `GET /v1/models/{model}`; null for other paths. `without`: models that this account has no access to. */
export function answerOfCatalogue(path: string, without: readonly string[]): Response | null {
  const models = usual.filter((id) => !without.includes(id)).map(modelObject)
  if (path === '/v1/models') return json({ object: 'list', data: models })
  const [, id] = /^\/v1\/models\/([^/]+)$/.exec(path) ?? []
  if (id === undefined) return null
  const wanted = decodeURIComponent(id)
  const found = models.find((model) => model.id === wanted)
  return found === undefined ? failure(404, noSuchModel(wanted)) : json(found)
}

const modelObject = (id: string) => ({
  id,
  object: 'model',
  created: 1_762_300_800,
  owned_by: 'system',
  shutdown_date: ending.get(id) ?? null,
})
