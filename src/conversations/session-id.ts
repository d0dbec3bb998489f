// The one place where session ids are made. A call has one for its whole life, on whichever machine it is served.

export const twilioSessionId = (callSid: string): string => `twilio_${callSid}`
