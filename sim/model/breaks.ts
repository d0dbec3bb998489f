// How the sockets of one call's sessions break, other than by anybody's will: cut at a time, at a tool call or within a
// response, and refused when the client comes again. Owns when; what happens to a session then is the session's.
import type { SimClock } from '../clock.ts'
import type { Cut, ModelSettings } from './settings.ts'

export type Breaks = {
  /** A handshake that may be taken has come. False: it is refused. */
  admits(): boolean
  /** A session is open, until `cut` is called or it has ended by itself. */
  opened(session: { readonly isOpen: boolean; cut(): void }): void
  /** A response begins; answers its number in the call, from 1. */
  began(): number
  /** That response has emitted so much speech. */
  spoke(response: number, spokenMs: number): void
  /** A tool call is whole, and the client has it. */
  called(tool: string): void
}

export function createBreaks(
  parts: { clock: SimClock; note(text: string): void } & Pick<ModelSettings, 'cuts' | 'refuseConnects'>,
): Breaks {
  const { clock, note } = parts
  const sessions: { readonly isOpen: boolean; cut(): void }[] = []
  const due = new Set<Cut>(parts.cuts)
  let refusalsLeft = parts.refuseConnects
  let responses = 0

  function strike(cut: Cut): void {
    due.delete(cut)
    const open = sessions.filter(({ isOpen }) => isOpen)
    if (open.length === 0) note(`A cut ${describe(cut)} found no open session`)
    for (const session of open) session.cut()
  }

  function strikeWhere(isMeant: (cut: Cut) => boolean): void {
    for (const cut of due) if (isMeant(cut)) strike(cut)
  }

  return {
    admits: () => sessions.length === 0 || refusalsLeft-- <= 0,
    opened(session) {
      if (sessions.length === 0) for (const cut of due) if ('atMs' in cut) clock.after(cut.atMs, () => strike(cut))
      sessions.push(session)
    },
    began: () => ++responses,
    spoke: (response, spokenMs) =>
      strikeWhere((cut) => 'response' in cut && cut.response === response && spokenMs >= cut.spokenMs),
    called: (tool) => strikeWhere((cut) => 'call' in cut && cut.call === tool),
  }
}

function describe(cut: Cut): string {
  if ('atMs' in cut) return `at ${cut.atMs} ms`
  return 'call' in cut ? `at the call of ${cut.call}` : `in response ${cut.response}`
}
