// Everything that went over every wire, in order, with the clock's time. The report, the auditor and `--trace` read it.

export type Party = 'carrier' | 'server' | 'model' | 'inbox' | 'caller'
export type Wire = 'webhook' | 'callback' | 'media' | 'realtime' | 'responses' | 'rest' | 'mail' | 'call'

export type TraceEntry = {
  /** Milliseconds on the clock, since the trace began. */
  atMs: number
  wire: Wire
  from: Party
  to: Party
  /** The event's or request's own name: `media`, `response.create`, `POST /api/twilio/status`, `answered` … */
  what: string
  /** What went over the wire, or what is to be said of it. */
  body?: unknown
}

export type Trace = {
  add(entry: Omit<TraceEntry, 'atMs'>): void
  readonly entries: readonly TraceEntry[]
  /** Called with each new entry, as it is added. */
  onEntry(listener: (entry: TraceEntry) => void): void
}
