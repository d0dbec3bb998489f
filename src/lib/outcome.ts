// What a function answers when failure is expected and the caller must decide. A bug is thrown instead.

export type Ok<T> = { ok: true; value: T }
export type Problem<P extends string> = { ok: false; problem: P; message: string }
export type Outcome<T, P extends string> = Ok<T> | Problem<P>

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value })

/** `message` tells an operator what happened, without a patient's name, number or words in it. */
export const problem = <P extends string>(kind: P, message: string): Problem<P> => ({
  ok: false,
  problem: kind,
  message,
})

/** For the last arm of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new Error(`Cannot happen: unexpected ${JSON.stringify(value)}`)
}
