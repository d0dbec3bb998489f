// The REST API's conferences and who is in them: found, changed, thrown out, and called in.
// Source: the resources and options of the twilio package's types (rest/api/v2010/account/conference).
import type { Conference, Member } from './conferences.ts'
import type { Exchange } from './exchange.ts'
import { detectionIn, placeOrder } from './rest-orders.ts'
import { type Ask, callbackIn, isTrue, isWithin, type Route } from './rest-route.ts'
import { conferenceJson, errorResponse, notFound, pageJson, participantJson } from './rest-shapes.ts'
import { beeps, type ConferenceNoun, usualConferenceEvents } from './twiml-dial.ts'

export function conferenceRoutes(exchange: Exchange): Route[] {
  const { conferences } = exchange
  const withConference = (ask: Ask, sidOrName: string | undefined, answer: (conference: Conference) => Response) => {
    const conference = conferences.find(ask.account.accountSid, decodeURIComponent(sidOrName ?? ''))
    return conference ? answer(conference) : notFound(ask.path)
  }
  type Answer = (ask: Ask, conference: Conference, member: Member) => Response
  const withMember =
    (answer: Answer): Route['answer'] =>
    (ask, sidOrName, callSidOrLabel) =>
      withConference(ask, sidOrName, (conference) => {
        const wanted = decodeURIComponent(callSidOrLabel ?? '')
        const member = conference.members().find(({ callSid, label }) => callSid === wanted || label === wanted)
        return member ? answer(ask, conference, member) : notFound(ask.path)
      })
  const one = /^\/Conferences\/([^/]+)\.json$/
  const members = /^\/Conferences\/([^/]+)\/Participants\.json$/
  const member = /^\/Conferences\/([^/]+)\/Participants\/([^/]+)\.json$/

  return [
    {
      method: 'GET',
      path: /^\/Conferences\.json$/,
      answer({ account, path, query }) {
        const matches = (name: string, value: string) => !query.has(name) || query.get(name) === value
        const found = conferences
          .all(account.accountSid)
          .filter((each) => matches('FriendlyName', each.name) && matches('Status', each.status()))
          .filter(({ createdAtMs }) => isWithin(query, 'DateCreated', createdAtMs))
        return Response.json(pageJson('conferences', found.toReversed().map(conferenceJson), path, query))
      },
    },
    {
      method: 'GET',
      path: one,
      answer: (ask, sid) => withConference(ask, sid, (conference) => Response.json(conferenceJson(conference))),
    },
    {
      method: 'POST',
      path: one,
      answer: (ask, sid) =>
        withConference(ask, sid, (conference) => {
          if (ask.form.get('Status') !== 'completed') return errorResponse(20001, ask.path, 'Status is not completed')
          conference.end()
          return Response.json(conferenceJson(conference))
        }),
    },
    {
      method: 'GET',
      path: members,
      answer: (ask, sid) =>
        withConference(ask, sid, (conference) => {
          const shown = conference.members().map((each) => participantJson(conference, each, 'connected'))
          return Response.json(pageJson('participants', shown, ask.path, ask.query))
        }),
    },
    {
      method: 'POST',
      path: members,
      answer: (ask, sidOrName) => callIn(exchange, ask, decodeURIComponent(sidOrName ?? '')),
    },
    {
      method: 'GET',
      path: member,
      answer: withMember((_, conference, each) => Response.json(participantJson(conference, each, 'connected'))),
    },
    { method: 'POST', path: member, answer: withMember(change) },
    {
      method: 'DELETE',
      path: member,
      answer: withMember((_, __, each) => {
        each.seat.leave()
        return new Response(null, { status: 204 })
      }),
    },
  ]
}

function change({ form }: Ask, conference: Conference, member: Member): Response {
  const { seat } = member
  const [isMuted, isOnHold] = [isTrue(form, 'Muted', seat.isMuted), isTrue(form, 'Hold', seat.isOnHold)]
  member.endsOnExit = isTrue(form, 'EndConferenceOnExit', member.endsOnExit)
  const changes = [isMuted !== seat.isMuted ? 'mute' : null, isOnHold !== seat.isOnHold ? 'hold' : null] as const
  seat.isMuted = isMuted
  seat.isOnHold = isOnHold
  for (const what of changes) if (what !== null) member.tellChange(what)
  return Response.json(participantJson(conference, member, 'connected'))
}

/** Calls somebody, who then enters the conference; one that is only named begins with it. */
function callIn(exchange: Exchange, ask: Ask, sidOrName: string): Response {
  const { form, account } = ask
  const known = exchange.conferences.find(account.accountSid, sidOrName)
  const isGone = known?.status() === 'completed' || (known === undefined && /^CF[0-9a-f]{32}$/.test(sidOrName))
  if (isGone) return notFound(ask.path)
  const conference = known ?? exchange.conferences.open(account.accountSid, sidOrName)
  const noun = nounIn(form, conference.name)
  const placed = placeOrder(exchange, ask, {
    first: null,
    detection: detectionIn(form, 'AmdStatusCallback', true),
    connect: (stage) => conference.join(noun, stage),
    takesEventLists: true,
  })
  if ('refusal' in placed) return placed.refusal
  conference.invite(placed.live)
  const { callSid } = placed.live.file.record
  const { label, startsOnEnter, endsOnExit, isMuted } = noun
  const seat = { isMuted, isOnHold: false }
  const joinedAtMs = exchange.clock.now()
  const shown = participantJson(conference, { callSid, label, startsOnEnter, endsOnExit, joinedAtMs, seat }, 'queued')
  return Response.json(shown, { status: 201 })
}

function nounIn(form: URLSearchParams, name: string): ConferenceNoun {
  const beep = form.get('Beep') ?? 'true'
  return {
    name,
    label: form.get('Label'),
    isMuted: isTrue(form, 'Muted'),
    startsOnEnter: isTrue(form, 'StartConferenceOnEnter', true),
    endsOnExit: isTrue(form, 'EndConferenceOnExit'),
    beepsOn: beep in beeps ? beeps[beep as keyof typeof beeps] : 'both',
    statusCallback: callbackIn(form, 'ConferenceStatusCallback', usualConferenceEvents),
  }
}
