// The least that can stand between Twilio and OpenAI: answers each call with a stream, and puts what comes on one socket into the
// other's JSON. No signature, no checks, no marks, no words kept. What the server is measured against; nobody should use it.
// Settings: MODEL_URL, MODEL_KEY, PUBLIC_BASE_URL.
const { MODEL_URL = '', MODEL_KEY = '', PUBLIC_BASE_URL = '' } = process.env

type Call = {
  model: WebSocket | null
  streamSid: string /** Until the model listens; then null. */
  waiting: string[] | null
}

const twiml = `<?xml version="1.0" encoding="UTF-8"?><Response><Connect><Stream url="${PUBLIC_BASE_URL.replace('https', 'wss')}/media" /></Connect></Response>`

const session = {
  type: 'realtime',
  output_modalities: ['audio'],
  audio: {
    input: { format: { type: 'audio/pcmu' }, turn_detection: { type: 'server_vad' } },
    output: { format: { type: 'audio/pcmu' }, voice: 'marin' },
  },
}

/** What stands between two marks in a text. */
function between(text: string, before: string, after: string): string {
  const from = text.indexOf(before) + before.length
  return text.slice(from, text.indexOf(after, from))
}

function openModel(call: () => Call, tell: (text: string) => void): WebSocket {
  const options = { headers: { Authorization: `Bearer ${MODEL_KEY}` } }
  const model: WebSocket = Reflect.construct(WebSocket, [MODEL_URL, options])
  model.onmessage = ({ data }) => {
    const text = String(data)
    if (text.startsWith('{"type":"response.output_audio.delta"')) {
      const payload = between(text, '"delta":"', '"')
      tell(`{"event":"media","streamSid":"${call().streamSid}","media":{"payload":"${payload}"}}`)
    } else if (text.startsWith('{"type":"session.created"')) {
      model.send(JSON.stringify({ type: 'session.update', session }))
    } else if (text.startsWith('{"type":"session.updated"')) {
      for (const message of call().waiting ?? []) model.send(message)
      call().waiting = null
      model.send('{"type":"response.create"}')
    }
  }
  return model
}

const server = Bun.serve<Call>({
  port: 0,
  hostname: '127.0.0.1',
  fetch(request, bun) {
    const { pathname } = new URL(request.url)
    if (pathname === '/media') {
      return bun.upgrade(request, { data: { model: null, streamSid: '', waiting: [] } })
        ? undefined
        : new Response(null, { status: 400 })
    }
    const body = pathname === '/incoming-call' ? twiml : '<Response/>'
    return new Response(body, { headers: { 'content-type': 'text/xml' } })
  },
  websocket: {
    open(peer) {
      peer.data.model = openModel(
        () => peer.data,
        (text) => void peer.send(text),
      )
    },
    message(peer, message) {
      const text = String(message)
      if (text.startsWith('{"event":"media"')) {
        const append = `{"type":"input_audio_buffer.append","audio":"${between(text, '"payload":"', '"')}"}`
        if (peer.data.waiting === null) peer.data.model?.send(append)
        else peer.data.waiting.push(append)
      } else if (text.startsWith('{"event":"start"')) {
        peer.data.streamSid = between(text, '"streamSid":"', '"')
      }
    },
    close: (peer) => peer.data.model?.close(),
  },
})
console.log(`listening on http://127.0.0.1:${server.port}`)

export {}
