// A Twilio voice application of another make, as the documents of openai-agents have it: TwiML that opens a stream, and
// TwilioRealtimeTransportLayer between the stream's socket and the model. Nothing of ours is in it.
import { RealtimeAgent, RealtimeSession } from '@openai/agents/realtime'
import { TwilioRealtimeTransportLayer } from '@openai/agents-extensions'
import twilio from 'twilio'

type Format = { type: 'audio/pcmu' } | { type: 'audio/pcm'; rate: 24000 }

/** `modelUrl`: …/v1/realtime?model=…, on whatever scheme. `format`: what is spoken with the model. */
export function openForeignServer(options: { authToken: string; modelUrl: string; format: Format; apiKey?: string }) {
  const server = Bun.serve<{ events: EventTarget }>({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request, self) {
      const { pathname, search, searchParams, host } = new URL(request.url)
      const signature = request.headers.get('x-twilio-signature') ?? ''
      if (pathname === '/media') {
        const isSigned = twilio.validateRequest(options.authToken, signature, `wss://${host}/media`, {})
        if (!isSigned) return new Response(null, { status: 403 })
        return self.upgrade(request, { data: { events: new EventTarget() } }) ? undefined : new Response(null)
      }
      const isGet = request.method === 'GET'
      const form = Object.fromEntries(isGet ? searchParams : new URLSearchParams(await request.text()))
      const url = `http://${host}${pathname}${search}`
      if (!twilio.validateRequest(options.authToken, signature, url, isGet ? {} : form))
        return new Response(null, { status: 403 })
      if (pathname === '/sms') {
        const answer = new twilio.twiml.MessagingResponse()
        answer.message(`We have read: ${form.Body}`)
        return new Response(answer.toString(), { headers: { 'content-type': 'text/xml' } })
      }
      const twiml = new twilio.twiml.VoiceResponse()
      twiml.connect().stream({ url: `wss://${host}/media` })
      return new Response(twiml.toString(), { headers: { 'content-type': 'text/xml' } })
    },
    websocket: {
      async open(socket) {
        const { events } = socket.data
        const twilioWebSocket = Object.assign(events, { send: (text: string) => void socket.send(text) })
        // Of a socket the transport uses what these have; its type wants all that a browser's has.
        const layer = [{ twilioWebSocket, url: options.modelUrl }]
        const transport: TwilioRealtimeTransportLayer = Reflect.construct(TwilioRealtimeTransportLayer, layer)
        const agent = new RealtimeAgent({ name: 'Desk', instructions: 'You answer the telephone of a bakery.' })
        const session = new RealtimeSession(agent, {
          transport,
          tracingDisabled: true,
          config: { audio: { input: { format: options.format }, output: { format: options.format } } },
        })
        session.on('error', () => {})
        await session.connect({ apiKey: options.apiKey ?? 'sk-of-somebody-else' })
        transport.sendEvent({ type: 'response.create' })
      },
      message: (socket, text) => void socket.data.events.dispatchEvent(new MessageEvent('message', { data: text })),
      close: (socket) => void socket.data.events.dispatchEvent(new Event('close')),
    },
  })
  return { origin: server.url.origin, stop: () => server.stop(true) }
}
