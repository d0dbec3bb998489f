// The REST API's streams of a live call, which only listen: started and stopped. Source: twilio.com/docs/voice/api/stream-resource.
import type { ForkRecord } from '../record.ts'
import { FORK_TRACKS_MAX, tracksOf } from './fork.ts'
import { type Ask, type Calls, findCall, methodIn, type Route } from './rest-route.ts'
import { errorResponse, notFound, streamJson } from './rest-shapes.ts'
import type { StreamNoun } from './twiml.ts'

const tracks = ['inbound_track', 'outbound_track', 'both_tracks'] as const
const PARAMETERS_MAX = 99

export function streamRoutes(calls: Calls): Route[] {
  const json = (ask: Ask, callSid: string, fork: ForkRecord, status: number) =>
    Response.json(streamJson(ask.account.accountSid, callSid, fork), { status })
  return [
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Streams\.json$/,
      answer(ask, callSid = '') {
        const call = findCall(calls, ask, callSid)
        if (!call) return notFound(ask.path)
        if (!call.isLive()) return errorResponse(21220, ask.path, 'Call is not in-progress. Cannot stream.')
        const noun = nounIn(ask.form)
        if (noun.url === '') return errorResponse(20001, ask.path, 'Url is required')
        const taken = call.file.record.forks
          .filter(({ endedAtMs }) => endedAtMs === null)
          .flatMap((fork) => fork.tracks)
        if (taken.length + tracksOf(noun).length > FORK_TRACKS_MAX)
          return errorResponse(20001, ask.path, `A call has ${FORK_TRACKS_MAX} tracks to stream at the most`)
        return json(ask, callSid, call.fork(noun), 201)
      },
    },
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Streams\/([^/]+)\.json$/,
      answer(ask, callSid = '', sidOrName = '') {
        const call = findCall(calls, ask, callSid)
        const wanted = decodeURIComponent(sidOrName)
        const fork = call?.file.record.forks.find(({ streamSid, name }) => streamSid === wanted || name === wanted)
        if (!call || !fork) return notFound(ask.path)
        if (ask.form.get('Status') !== 'stopped') return errorResponse(20001, ask.path, 'Status is not stopped')
        call.stopFork(fork.name)
        return json(ask, callSid, fork, 200)
      },
    },
  ]
}

function nounIn(form: URLSearchParams): StreamNoun {
  const callback = form.get('StatusCallback')
  const numbered = Array.from({ length: PARAMETERS_MAX }, (_, index) => `Parameter${index + 1}`)
  return {
    url: form.get('Url') ?? '',
    name: form.get('Name'),
    track: tracks.find((each) => each === form.get('Track')) ?? 'inbound_track',
    statusCallback: callback === null ? null : { url: callback, method: methodIn(form, 'StatusCallbackMethod') },
    parameters: Object.fromEntries(
      numbered.flatMap((name) => {
        const key = form.get(`${name}.Name`)
        return key === null ? [] : [[key, form.get(`${name}.Value`) ?? '']]
      }),
    ),
  }
}
