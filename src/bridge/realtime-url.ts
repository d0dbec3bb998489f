// PURE. Where the model's socket is: beside the REST API, at whatever address that was pointed to.

/** `baseUrl`: as in OPENAI_BASE_URL, …/v1. http becomes ws, https wss. */
export function realtimeUrl(baseUrl: string, model: string): string {
  const url = new URL(baseUrl)
  url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/realtime`
  url.search = new URLSearchParams({ model }).toString()
  return url.href
}
