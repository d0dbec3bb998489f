// Conferences: rooms with a name, which calls enter and leave by TwiML or by REST, and the callbacks that tell of it. One begins
// when two are there of whom one may begin it [mem], and ends with the last one, or with one on whom it hangs. The fields of its
// callbacks are not in our sheets: they are those that servers in the wild read [mem].
import type { SimClock } from '../clock.ts'
import type { Random } from '../random.ts'
import { beep } from '../tones.ts'
import type { LiveCall, Stage } from './activity.ts'
import { CONFERENCE_CALLBACK_AFTER_MS } from './deliveries.ts'
import { createRoom, type Seat } from './room.ts'
import { createSid } from './sids.ts'
import { rfc2822 } from './times.ts'
import type { CallbackTarget } from './twiml.ts'
import type { ConferenceNoun } from './twiml-dial.ts'

export type Member = {
  readonly callSid: string
  readonly label: string | null
  readonly startsOnEnter: boolean
  readonly joinedAtMs: number
  readonly seat: Seat
  endsOnExit: boolean
  /** Tells that it was muted, put on hold, or the contrary. */
  tellChange(what: 'mute' | 'hold'): void
}

export type Conference = {
  readonly conferenceSid: string
  readonly accountSid: string
  readonly name: string
  readonly createdAtMs: number
  status(): 'init' | 'in-progress' | 'completed'
  /** How it ended, and by whose leaving. */
  ending(): { reason: string; callSid: string | null } | null
  members(): readonly Member[]
  join(noun: ConferenceNoun, stage: Stage): Seat
  /** Takes a leg, placed by REST to enter, for one that all who are in it, or come later, led to. */
  invite(leg: LiveCall): void
  /** By REST. */
  end(): void
}

export type Conferences = {
  /** The one of that name that is going on, or a new one. */
  open(accountSid: string, name: string): Conference
  /** By its SID, or by its name while it is going on. */
  find(accountSid: string, sidOrName: string): Conference | undefined
  all(accountSid: string): Conference[]
}

const BEEP_MS = 300

export function createConferences(clock: SimClock, random: Random): Conferences {
  const kept: Conference[] = []
  const all = (accountSid: string) => kept.filter((each) => each.accountSid === accountSid)
  const isUp = (each: Conference) => each.status() !== 'completed'
  const named = (accountSid: string, name: string) => all(accountSid).find((each) => each.name === name && isUp(each))
  return {
    all,
    find: (accountSid, sidOrName) =>
      all(accountSid).find(({ conferenceSid }) => conferenceSid === sidOrName) ?? named(accountSid, sidOrName),
    open(accountSid, name) {
      const found = named(accountSid, name)
      if (found !== undefined) return found
      const opened = createConference(clock, createSid('CF', random), accountSid, name)
      kept.push(opened)
      return opened
    },
  }
}

type Inside = Member & { stage: Stage; noun: ConferenceNoun }

function createConference(clock: SimClock, conferenceSid: string, accountSid: string, name: string): Conference {
  const inside = new Set<Inside>()
  const invited = new Set<LiveCall>()
  let isStarted = false
  let ending: { reason: string; callSid: string | null } | null = null
  let target: CallbackTarget | null = null
  let sequence = 0
  const room = createRoom(clock, { bridgeSid: conferenceSid, kind: 'conference' }, () => isStarted)

  function tell(event: string, told: string, by: Inside, extra: Record<string, string> = {}): void {
    if (!target?.events.includes(event)) return
    const { url, method } = target
    const form = {
      AccountSid: accountSid,
      ConferenceSid: conferenceSid,
      FriendlyName: name,
      StatusCallbackEvent: told,
      SequenceNumber: String(++sequence),
      Timestamp: rfc2822(clock.now()),
      ...extra,
    }
    by.stage.deliver({ kind: 'conference', url, method, form, afterMs: CONFERENCE_CALLBACK_AFTER_MS })
  }

  const tellOf = (event: string, member: Inside, told: string) =>
    tell(event, `participant-${told}`, member, {
      CallSid: member.callSid,
      ...(member.label === null ? {} : { ParticipantLabel: member.label }),
      Muted: String(member.seat.isMuted),
      Hold: String(member.seat.isOnHold),
      Coaching: 'false',
      StartConferenceOnEnter: String(member.startsOnEnter),
      EndConferenceOnExit: String(member.endsOnExit),
    })

  function join(noun: ConferenceNoun, stage: Stage): Seat {
    const { statusCallback } = noun
    // The first one's counts.
    target ??= statusCallback && { ...statusCallback, url: stage.resolve(statusCallback.url) ?? '' }
    const seat = room.sit(stage.record)
    seat.isMuted = noun.isMuted
    const member: Inside = {
      callSid: stage.record.callSid,
      label: noun.label,
      startsOnEnter: noun.startsOnEnter,
      endsOnExit: noun.endsOnExit,
      joinedAtMs: clock.now(),
      seat,
      stage,
      noun,
      tellChange(what) {
        const isOn = what === 'mute' ? seat.isMuted : seat.isOnHold
        tellOf(what, member, isOn ? what : `un${what}`)
      },
    }
    inside.add(member)
    stage.tell('joined', { name })
    if (!isInvited(stage)) for (const leg of invited) stage.adopt(leg)
    tellOf('join', member, 'join')
    if (!isStarted && inside.size > 1 && [...inside].some(({ startsOnEnter }) => startsOnEnter)) {
      isStarted = true
      tell('start', 'conference-start', member)
    }
    if (noun.beepsOn === 'enter' || noun.beepsOn === 'both') room.play(beep(BEEP_MS))
    void seat.finished.then(() => left(member))
    return seat
  }

  const isInvited = ({ record }: Stage) => [...invited].some(({ file }) => file.record === record)

  function left(member: Inside): void {
    if (!inside.delete(member)) return
    tellOf('leave', member, 'leave')
    if (member.noun.beepsOn === 'exit' || member.noun.beepsOn === 'both') room.play(beep(BEEP_MS))
    if (member.endsOnExit) finish('participant-with-end-conference-on-exit-left', member)
    else if (inside.size === 0) finish('last-participant-left', member)
  }

  function finish(reason: string, by: Inside): void {
    ending = { reason, callSid: by.callSid }
    for (const member of [...inside]) {
      inside.delete(member)
      tellOf('leave', member, 'leave')
      member.seat.leave()
    }
    tell('end', 'conference-end', by, { ReasonConferenceEnded: reason, CallSidEndingConference: by.callSid })
  }

  return {
    conferenceSid,
    accountSid,
    name,
    createdAtMs: clock.now(),
    status: () => (ending !== null ? 'completed' : isStarted ? 'in-progress' : 'init'),
    ending: () => ending,
    members: () => [...inside],
    join,
    invite(leg) {
      for (const { stage } of inside) if (!isInvited(stage)) stage.adopt(leg)
      invited.add(leg)
    },
    end() {
      const [first] = inside
      if (first === undefined) ending ??= { reason: 'conference-ended-via-api', callSid: null }
      else finish('conference-ended-via-api', first)
    },
  }
}
