// Where ends of calls hear each other: the two of a `<Dial>`, or all of a conference. Frame by frame: what one says waits for
// the next beat of each other, who hears all that waits, mixed. Knows no numbers and no documents.
import { isAudible, mix } from '../audio.ts'
import type { SimClock } from '../clock.ts'
import type { BridgeRecord, CarrierRecord } from '../record.ts'
import { type Activity, idleActivity, type Next } from './activity.ts'

/** One end, as what goes on in its call. It finishes when it leaves, or is made to. */
export type Seat = Activity & {
  isMuted: boolean
  isOnHold: boolean
  leave(): void
}

export type Room = {
  sit(record: CarrierRecord): Seat
  /** Plays something to all that are there. */
  play(audio: Uint8Array): void
  seats(): readonly Seat[]
}

type Taken = { seat: Seat; waiting: Map<Taken | Room, Uint8Array[]> }

const FRAME_BYTES = 160

/** `isOpen`: whether those in it may hear each other yet. */
export function createRoom(
  clock: SimClock,
  bridge: Pick<BridgeRecord, 'bridgeSid' | 'kind'>,
  isOpen: () => boolean = () => true,
): Room {
  const taken = new Set<Taken>()
  const room: Room = { sit, play, seats: () => [...taken].map(({ seat }) => seat) }

  function pass(audio: Uint8Array, from: Taken | Room): void {
    for (const each of taken) {
      if (each === from || each.seat.isOnHold) continue
      const waiting = each.waiting.get(from) ?? []
      waiting.push(audio)
      each.waiting.set(from, waiting)
    }
  }

  function play(audio: Uint8Array): void {
    for (let at = 0; at < audio.length; at += FRAME_BYTES) pass(audio.subarray(at, at + FRAME_BYTES), room)
  }

  function sit(call: CarrierRecord): Seat {
    const record: BridgeRecord = { ...bridge, joinedAtMs: clock.now(), leftAtMs: null, said: [], heard: [] }
    call.bridges.push(record)
    const activity = idleActivity()
    const own: Taken = {
      waiting: new Map(),
      seat: {
        ...activity,
        isMuted: false,
        isOnHold: false,
        frame(bytes, atMs) {
          if (own.seat.isMuted || own.seat.isOnHold || !isOpen()) return
          record.said.push({ atMs, bytes })
          pass(bytes, own)
        },
        sound(nowMs) {
          const frames = [...own.waiting.values()].flatMap((waiting) => waiting.shift() ?? [])
          const isWithOthers = isOpen() && taken.size > 1 && !own.seat.isOnHold
          const line = isWithOthers ? 'person' : 'waiting'
          const [first, ...others] = frames
          if (first === undefined) return { isSounding: false, isAudible: false, line }
          const bytes = others.reduce(mix, first)
          record.heard.push({ atMs: nowMs, bytes })
          const isHeard = isAudible(bytes)
          return { isSounding: isHeard, isAudible: isHeard, line }
        },
        heard: () => record.heard,
        leave,
        stop: leave,
      },
    }

    function leave(): void {
      if (!taken.delete(own)) return
      record.leftAtMs = clock.now()
      const next: Next = { go: 'on' }
      activity.finish(next)
    }

    taken.add(own)
    return own.seat
  }

  return room
}
