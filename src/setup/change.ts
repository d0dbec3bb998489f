// PURE. What a command changes, or would: one thing each, as people and machines read it. No secret is ever part of one.

export type Change = {
  part:
    | 'clinic'
    | 'setting'
    | 'admin'
    | 'number'
    | 'hours'
    | 'closure'
    | 'service'
    | 'provider'
    | 'instructions'
    | 'webhook'
    | 'account'
    | 'token'
  name: string
  /** Null: it was not there, or is not there any more. */
  was: string | null
  is: string | null
}

/**
 * What must change for `was` to become `is`, each a text by its name. `isWhole`: what `is` does not have goes; otherwise it stays.
 */
export function differences(
  part: Change['part'],
  was: ReadonlyMap<string, string>,
  is: ReadonlyMap<string, string>,
  isWhole: boolean,
): Change[] {
  const named = isWhole ? [...new Set([...is.keys(), ...was.keys()])] : [...is.keys()]
  return named.flatMap((name): Change[] => {
    const [before = null, after = null] = [was.get(name), is.get(name)]
    return before === after ? [] : [{ part, name, was: before, is: after }]
  })
}

/** A JSON value's leaves, each by its path: `limits.usdPerCall`. Lists are leaves. */
export function leavesOf(value: object, path = ''): Map<string, string> {
  const leaves = new Map<string, string>()
  for (const [key, below] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`
    const isBranch = typeof below === 'object' && below !== null && !Array.isArray(below)
    for (const [name, text] of isBranch ? leavesOf(below, at) : [[at, JSON.stringify(below)] as const])
      leaves.set(name, text)
  }
  return leaves
}

/** `+ service  Check-up: 30 minutes`, `~ …: 20 minutes → 30 minutes`, `- …`. */
export function changeLine({ part, name, was, is }: Change): string {
  const sign = was === null ? '+' : is === null ? '-' : '~'
  const what = was === null ? is : is === null ? was : `${was} → ${is}`
  return `${sign} ${part.padEnd(12)} ${name}${what === '' ? '' : `: ${what}`}`
}
