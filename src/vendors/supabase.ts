// Files in a Supabase Storage bucket, by Supabase's own package, with the service role's key. The bucket is private; owns
// a deadline for every request; refuses to create the bucket, and to say in any message what Supabase said.
// Source: supabase.com/docs/guides/storage/debugging/error-codes.
import { createClient } from '@supabase/supabase-js'
import { type Outcome, ok, problem } from '../lib/outcome.ts'
import { isStorageKey, type Storage, type StorageProblem } from './storage.ts'

export type SupabaseOptions = { url: string; serviceRoleKey: string; bucket: string; timeoutMs: number }

export function createSupabaseStorage(options: SupabaseOptions): Storage {
  const bucket = clientOf(options).storage.from(options.bucket)
  return {
    async put(key, bytes, contentType) {
      if (!isStorageKey(key)) return malformed
      const { error } = await bucket.upload(key, bytes, { contentType, upsert: true })
      return error === null ? ok(null) : failure('keep file', error)
    },

    async get(key) {
      if (!isStorageKey(key)) return malformed
      const { data, error } = await bucket.download(key)
      return error === null ? ok(new Uint8Array(await data.arrayBuffer())) : failure('read file', error)
    },
  }
}

/** Whether strangers can read the bucket. */
export async function bucketAccess(options: SupabaseOptions): Promise<Outcome<'private' | 'public', StorageProblem>> {
  const { data, error } = await clientOf(options).storage.getBucket(options.bucket)
  return error === null ? ok(data.public ? 'public' : 'private') : failure('look at the bucket', error)
}

function clientOf({ url, serviceRoleKey, timeoutMs }: SupabaseOptions) {
  const within = ((input: RequestInfo | URL, init?: RequestInit) =>
    fetch(input, { ...init, signal: AbortSignal.timeout(timeoutMs) })) as typeof fetch
  return createClient(url, serviceRoleKey, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: within },
  })
}

const malformed = problem('refused', 'Cannot use storage key: it must be plain names between single slashes')

/** Older Supabase answers 400 to everything and puts the true status into `statusCode`. */
function failure(action: string, error: { status?: number; statusCode?: string }): Outcome<never, StorageProblem> {
  const status = Number.parseInt(error.statusCode ?? '', 10) || (error.status ?? 0)
  const message = `Cannot ${action}: Supabase answered ${status === 0 ? 'nothing' : status}`
  if (status === 404) return problem('not-found', message)
  const isFinal = status >= 400 && status < 500 && status !== 408 && status !== 429
  return problem(isFinal ? 'refused' : 'unavailable', message)
}
