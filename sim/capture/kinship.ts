// Whose model a session with it is: nobody tells, but what is heard gives it away. A server passes a caller's sound on to the model
// as it comes, and the model's to the caller: whichever call had the same bytes last has a vote for the session. Sound that is
// the same in every call, such as silence, votes for none.

export type Kinship = {
  /** A call's caller is heard on its media socket, or its server is. */
  media(callSid: string, from: 'vendor' | 'server', text: string): void
  /** A session is sent the caller's sound, or sends its own. */
  realtime(session: number, from: 'vendor' | 'server', text: string): void
  /** The call with the most votes for a session; null without any. */
  callOf(session: number): string | null
}

/** Seconds of several calls. Sound that is passed on later than that is not known again. */
const MOST_REMEMBERED = 20_000
/** Of longer sound the beginning is compared, since a server may cut it: 162 bytes in base64. */
const COMPARED_CHARS = 216

export function createKinship(): Kinship {
  const heard = remembering<string>()
  const spoken = remembering<number>()
  const votes = new Map<number, Map<string, number>>()

  function vote(session: number | undefined, callSid: string | undefined): void {
    if (session === undefined || callSid === undefined) return
    const own = votes.get(session) ?? new Map<string, number>()
    own.set(callSid, (own.get(callSid) ?? 0) + 1)
    votes.set(session, own)
  }

  return {
    media(callSid, from, text) {
      const sound = soundIn(/"payload":\s*"([^"]+)"/, text)
      if (sound === null) return
      if (from === 'vendor') heard.set(sound, callSid)
      else vote(spoken.get(sound), callSid)
    },
    realtime(session, from, text) {
      const isSound = text.includes(from === 'server' ? '"input_audio_buffer.append"' : '"response.output_audio.delta"')
      const sound = isSound ? soundIn(/"(?:audio|delta)":\s*"([^"]+)"/, text) : null
      if (sound === null) return
      if (from === 'vendor') spoken.set(sound, session)
      else vote(session, heard.get(sound))
    },
    callOf(session) {
      const [most] = [...(votes.get(session) ?? [])].sort(([, a], [, b]) => b - a)
      return most?.[0] ?? null
    },
  }
}

/** Null where there is none, or the same byte all along. */
function soundIn(pattern: RegExp, text: string): string | null {
  const sound = pattern.exec(text)?.[1]?.slice(0, COMPARED_CHARS) ?? ''
  return sound.slice(4) === sound.slice(0, -4) ? null : sound
}

/** The last that was set for each sound; the oldest are forgotten. */
function remembering<T>() {
  const known = new Map<string, T>()
  return {
    get: (sound: string): T | undefined => known.get(sound),
    set(sound: string, value: T): void {
      known.delete(sound)
      known.set(sound, value)
      if (known.size <= MOST_REMEMBERED) return
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    },
  }
}
