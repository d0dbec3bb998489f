// PURE. Whether something is as a fixture expects: objects are held to the fields that are named, and `{ min, max }` stands
// for a range of numbers.

export function isLike(actual: unknown, wanted: unknown): boolean {
  if (isRange(wanted))
    return typeof actual === 'number' && actual >= (wanted.min ?? -Infinity) && actual <= (wanted.max ?? Infinity)
  if (Array.isArray(wanted))
    return (
      Array.isArray(actual) && actual.length === wanted.length && wanted.every((each, at) => isLike(actual[at], each))
    )
  if (isObject(wanted))
    return isObject(actual) && Object.entries(wanted).every(([name, value]) => isLike(actual[name], value))
  return Object.is(actual, wanted)
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function isRange(value: unknown): value is { min?: number; max?: number } {
  if (!isObject(value)) return false
  const names = Object.keys(value)
  return (
    names.length > 0 && names.every((name) => (name === 'min' || name === 'max') && typeof value[name] === 'number')
  )
}
