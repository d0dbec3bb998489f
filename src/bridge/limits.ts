// Every wait, queue and count of a live call, by name and with its unit. A plan may tighten those of a call for one
// organization; those of the line are the same for all.

export type CallLimits = {
  /** A model socket opened ahead of its stream, that no stream claimed, is closed after this. */
  unclaimedMs: number
  /** From the first opening of a session's socket to its `session.updated`, all tries together; past this there is no model. */
  configureMs: number
  /**
   * The socket is opened again so often: within this of its loss, then after about this, doubled each time, as the call's
   * `spread` has it. A whole response makes up for all.
   */
  reopenTries: number
  reopenMs: number
  /** How long a session lasts unless it says otherwise, and the shortest that it may say. */
  sessionMs: number
  shortestSessionMs: number
  /** Of the caller's audio, what the next session hears again: at most this from a turn whose words are not known … */
  heardAgainMs: number
  /** … and else this, in which speech may have begun that nobody has noticed. */
  undetectedMs: number
  /** From our `response.create`, or from the caller's turn, to `response.created`. */
  answerMs: number
  /** From `response.created` to its first sound or tool call. */
  firstSoundMs: number
  /** Between two signs of life of one response, and from `response.cancel` to `response.done`. */
  stalledMs: number
  /** From the end of speech to the commit of the turn. */
  commitMs: number
  /** Between two keys that belong together. */
  keyPauseMs: number
  keysAtOnce: number
  /** For the words of something short that was said over the agent. */
  humWordsMs: number
  /** What comes so shortly before the end of the agent's speech is an answer to it. */
  answerLeadMs: number
  /** A turn of the caller that goes on for longer (music, a machine) is committed as it is. */
  callerTurnMs: number
  /** Responses that may fail or stay silent in a row before the model counts as failed. */
  failuresInRow: number
  /** How long after audio should have been heard its mark may come back. */
  markSlackMs: number
  /** Audio sent to the caller and not heard yet. Twilio throws away what is beyond ten minutes. */
  unheardAudioMs: number
  /** A tool that has not answered by then is answered for. */
  toolMs: number
  /** The same of a question to the supervisor; later than the supervisor's own deadline and a tool of its. */
  consultMs: number
  /** The supervisor is asked when the caller's last words are known, or after this. */
  lastTurnMs: number
  /** The supervisor thinks, and nobody has said anything for so long: the agent asks for a moment; and again, so many times. */
  fillerMs: number
  fillerAgainMs: number
  fillers: number
  toolsAtOnce: number
  /** Responses in a row that call tools, with no turn of the caller between. */
  toolRounds: number
  /** Nobody speaks and nothing is under way for this long: the agent asks, and after the last time says goodbye. */
  idleMs: number
  idlePrompts: number
  callMs: number
  /** So long before the end of `callMs` the agent says that time is running out. */
  callWarningMs: number
  /** From the decision to end the call to hanging up, goodbye heard or not. */
  goodbyeMs: number
  /** How often the text for an emergency is said to a caller who talks over it. */
  emergencyTimes: number
  /** After the caller is gone, for the model to say that it heard them speak just before. */
  lingerMs: number
  /** After the caller is gone, for the transcription of their last words. */
  lastWordsMs: number
}

export const callLimits: CallLimits = {
  unclaimedMs: 10_000,
  configureMs: 6_000,
  reopenTries: 5,
  reopenMs: 250,
  sessionMs: 60 * 60_000,
  shortestSessionMs: 10_000,
  heardAgainMs: 20_000,
  undetectedMs: 1_000,
  answerMs: 4_000,
  firstSoundMs: 8_000,
  stalledMs: 6_000,
  commitMs: 2_000,
  humWordsMs: 1_500,
  answerLeadMs: 1_000,
  keyPauseMs: 2_500,
  keysAtOnce: 32,
  callerTurnMs: 90_000,
  failuresInRow: 2,
  markSlackMs: 5_000,
  unheardAudioMs: 5 * 60_000,
  toolMs: 15_000,
  consultMs: 16_000,
  lastTurnMs: 1_000,
  fillerMs: 700,
  fillerAgainMs: 5_000,
  fillers: 3,
  toolsAtOnce: 8,
  toolRounds: 8,
  idleMs: 20_000,
  idlePrompts: 1,
  callMs: 15 * 60_000,
  callWarningMs: 60_000,
  goodbyeMs: 12_000,
  emergencyTimes: 2,
  lingerMs: 400,
  lastWordsMs: 2_500,
}

/** Limits of the audio that comes in, and of the sockets' hands. */
export type LineLimits = {
  /** Caller audio kept until the model listens; the oldest goes first. */
  heldAudioMs: number
  /** Caller audio kept after the model was given it, should its session be lost. */
  keptAudioMs: number
  /** Silence put in for missing frames, per gap. */
  gapPaddingMs: number
  /** No frame for this long while the caller speaks: silence is put in, so that the detector can end the turn. */
  lostFramesMs: number
  /** How much silence at a time. */
  lostFramesSilenceMs: number
  /** From the opening of the media socket to its `start`. */
  startMs: number
  /** For checking the stream's token. */
  redeemMs: number
  /** For the ledger to say what a new session must know. */
  recallMs: number
  /** For the ledger to take what Twilio's next request will be answered from, before we close the stream. */
  flushMs: number
}

export const lineLimits: LineLimits = {
  heldAudioMs: 10_000,
  keptAudioMs: 20_000,
  gapPaddingMs: 10_000,
  lostFramesMs: 750,
  lostFramesSilenceMs: 1_000,
  startMs: 5_000,
  redeemMs: 5_000,
  recallMs: 3_000,
  flushMs: 1_500,
}
