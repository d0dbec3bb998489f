// The REST API's recordings: started and stopped on a live call, found, fetched and deleted.
// Source: twilio.com/docs/voice/api/recording.
import type { Exchange } from './exchange.ts'
import type { Recording, RecordingSource, RecordingTrack } from './recordings.ts'
import { type Ask, type Calls, callbackIn, findCall, isWithin, type Route } from './rest-route.ts'
import { errorResponse, notFound, pageJson, recordingJson } from './rest-shapes.ts'

export function recordingRoutes({ recordings }: Exchange, calls: Calls): Route[] {
  const json = (recording: Recording, status = 200) => Response.json(recordingJson(recording), { status })
  const list = ({ path, query }: Ask, found: Recording[]) => {
    const within = found.filter(({ startedAtMs }) => isWithin(query, 'DateCreated', startedAtMs))
    const newestFirst = within.toReversed().map(recordingJson)
    return Response.json(pageJson('recordings', newestFirst, path, query))
  }
  const withRecording = (ask: Ask, sid: string | undefined, answer: (recording: Recording) => Response) => {
    const recording = recordings.find(ask.account.accountSid, sid ?? '')
    return recording ? answer(recording) : notFound(ask.path)
  }
  const one = /^(?:\/Calls\/CA\w+)?\/Recordings\/(RE\w+)\.json$/
  return [
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Recordings\.json$/,
      answer(ask, callSid) {
        const call = findCall(calls, ask, callSid)
        if (!call) return notFound(ask.path)
        if (!call.isLive()) return errorResponse(21220, ask.path, 'Call is not in-progress. Cannot record.')
        return json(call.startRecording(recordingIn(ask.form, 'StartCallRecordingAPI')), 201)
      },
    },
    {
      method: 'POST',
      path: /^\/Calls\/(CA\w+)\/Recordings\/(RE\w+|Twilio\.CURRENT)\.json$/,
      answer(ask, callSid = '', recordingSid) {
        const live = (each: Recording) => each.durationMs() === null
        const isMeant = (each: Recording) => recordingSid === 'Twilio.CURRENT' || each.recordingSid === recordingSid
        const call = findCall(calls, ask, callSid)
        const recording = recordings.of(callSid).filter(live).find(isMeant)
        if (!call || !recording) return notFound(ask.path)
        switch (ask.form.get('Status')) {
          case 'stopped':
            call.stopRecording(recording)
            return json(recording)
          case 'paused':
            recording.pause(ask.form.get('PauseBehavior') === 'skip')
            return json(recording)
          case 'in-progress':
            recording.resume()
            return json(recording)
          default:
            return errorResponse(20001, ask.path, 'Status is neither paused, in-progress nor stopped')
        }
      },
    },
    {
      method: 'GET',
      path: /^\/Calls\/(CA\w+)\/Recordings\.json$/,
      answer: (ask, callSid) =>
        findCall(calls, ask, callSid) ? list(ask, recordings.of(callSid ?? '')) : notFound(ask.path),
    },
    {
      method: 'GET',
      path: /^\/Recordings\.json$/,
      answer(ask) {
        const callSid = ask.query.get('CallSid')
        const all = recordings.all(ask.account.accountSid)
        return list(ask, callSid === null ? all : all.filter(({ call }) => call.record.callSid === callSid))
      },
    },
    { method: 'GET', path: one, answer: (ask, sid) => withRecording(ask, sid, (recording) => json(recording)) },
    {
      method: 'DELETE',
      path: one,
      answer: (ask, sid) =>
        withRecording(ask, sid, (recording) => {
          recordings.delete(recording)
          return new Response(null, { status: 204 })
        }),
    },
    {
      method: 'GET',
      path: /^\/Recordings\/(RE\w+?)(?:\.wav)?$/,
      answer: (ask, sid) =>
        withRecording(ask, sid, (recording) => {
          const media = recording.media()
          if (media.length === 0) return notFound(ask.path)
          return new Response(new Uint8Array(media), { headers: { 'content-type': 'audio/x-wav' } })
        }),
    },
  ]
}

/** The recording that a request asks for. */
export function recordingIn<Source extends RecordingSource>(form: URLSearchParams, source: Source) {
  const callback = callbackIn(form, 'RecordingStatusCallback', ['completed'])
  const tracks: RecordingTrack[] = ['inbound', 'outbound']
  const track = tracks.find((each) => each === form.get('RecordingTrack')) ?? 'both'
  const channels = form.get('RecordingChannels') === 'dual' ? 2 : 1
  return { channels, track, source, callback } as const
}
