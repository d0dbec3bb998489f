// Connects out to a WebSocket with headers, as both runtimes can and browsers cannot.
import type { OpenSocket } from '../lib/socket.ts'

/** Beyond this the peer is not reading, and frames are refused rather than heaped up. */
const backpressureBytes = 1024 * 1024

export const openSocket: OpenSocket = (url, headers, handlers) => {
  // Both runtimes take headers as a second argument; the DOM's types do not know it.
  const peer: WebSocket = Reflect.construct(WebSocket, [url, { headers }])
  let isClosed = false
  peer.onopen = () => handlers.open?.()
  peer.onmessage = ({ data }) => {
    if (typeof data === 'string') handlers.message(data)
  }
  peer.onerror = () => {}
  peer.onclose = ({ code, reason }) => {
    if (isClosed) return
    isClosed = true
    handlers.close(code || 1006, reason)
  }
  return {
    send(text) {
      if (peer.readyState !== WebSocket.OPEN || peer.bufferedAmount > backpressureBytes) return false
      peer.send(text)
      return true
    },
    close: (code = 1000, reason = '') => peer.close(code, reason),
  }
}
