// The text part of the mail: written, not stripped from the HTML, and with every fact that the HTML has.
import { type CallSummaryProps, speakerNames, wording } from './call-summary.tsx'

export function callSummaryText(props: CallSummaryProps): string {
  return [
    [props.clinicName, props.headline, props.byline, props.badges.map(({ label }) => label).join(' · ')],
    section(props.missing.length > 0, wording.missing, props.missing),
    section(true, wording.summary, [props.summary]),
    ...props.messages.map(({ text, about, isUrgent }) =>
      section(true, isUrgent ? wording.urgentMessage : wording.message, [text, about]),
    ),
    section(
      props.followUps.length > 0,
      wording.followUps,
      props.followUps.map((line) => `- ${line}`),
    ),
    section(
      true,
      wording.details,
      props.details.map(({ term, fact }) => `${term}: ${fact}`),
    ),
    section(true, wording.transcript, transcript(props)),
    [wording.footer(props.clinicName)],
  ]
    .map((lines) => lines.filter((line) => line !== '').join('\n'))
    .filter((block) => block !== '')
    .join('\n\n')
    .concat('\n')
}

const section = (isPresent: boolean, title: string, lines: string[]): string[] =>
  isPresent ? [title.toUpperCase(), ...lines] : []

function transcript({ turns, omitted }: CallSummaryProps): string[] {
  if (turns.length === 0) return [wording.noWords]
  const lines = turns.map(({ at, speaker, text, unheard }) => {
    const cut = unheard === null ? '' : ` [${wording.unheard}: ${unheard}]`
    return `${at}  ${speakerNames[speaker]}: ${text}${cut}`
  })
  if (omitted !== null) lines.splice(omitted.after, 0, `…  ${wording.omitted(omitted.count)}`)
  return lines
}
