// Whatever answers by promises, made to hold the virtual clock while it does.
import type { SimClock } from './clock.ts'

/** The same, with time standing still while any of its promises is open. */
export function holding<T extends object>(clock: SimClock, held: T, label: string, onEnd = () => {}): T {
  return new Proxy(held, {
    get(target, name, receiver) {
      const member: unknown = Reflect.get(target, name, receiver)
      if (typeof member !== 'function') return member
      return (...given: unknown[]) => {
        const answer: unknown = Reflect.apply(member, target, given)
        return answer instanceof Promise ? clock.hold(answer.finally(onEnd), label) : answer
      }
    },
  })
}
