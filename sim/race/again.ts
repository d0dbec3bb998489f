// PURE. The same call as another call: every identifier that must be its own gets another ending, and can be told back.

export type Aliases = { there(text: string): string; back(text: string): string }

/** `sids`: CallSid, RecordingSids, StreamSids of the original. `run`: below 16^8. */
export function aliases(sids: readonly string[], run: number): Aliases {
  const ending = run.toString(16).padStart(8, '0')
  const pairs = sids.map((sid) => [sid, sid.slice(0, -8) + ending] as const)
  return {
    there: (text) => pairs.reduce((changed, [sid, alias]) => changed.replaceAll(sid, alias), text),
    back: (text) => pairs.reduce((changed, [sid, alias]) => changed.replaceAll(alias, sid), text),
  }
}

const sid = /\b(CA|RE|MZ)[0-9a-f]{32}\b/g

export const sidsIn = (text: string): string[] => [...new Set(text.match(sid) ?? [])]
