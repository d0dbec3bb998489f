// The mail that a clinic's admins get when a call is over. Everything in it is text that was prepared for it: it decides
// where things stand, and nothing about what they say. Tables and inline styles only, one heading of the first rank, and
// nothing to click on. The same props give the same bytes.
import { createElement, Fragment, type ReactNode } from 'react'
import { Body, Container, Head, Heading, Html } from 'react-email'
import { styles, type Tone, tones } from './theme.ts'

export type CallSummaryProps = {
  /** The subject of the mail. Like `preheader`, it is seen on locked screens: no patient's name, number or words. */
  subject: string
  preheader: string
  clinicName: string
  headline: string
  /** When it began, in the clinic's time zone, and how long it lasted. */
  byline: string
  badges: { label: string; tone: Tone }[]
  /** What was not in yet when the mail had to go. */
  missing: string[]
  summary: string
  followUps: string[]
  messages: { text: string; about: string; isUrgent: boolean }[]
  details: { term: string; fact: string }[]
  turns: { at: string; speaker: 'agent' | 'caller'; text: string; unheard: string | null }[]
  /** Turns left out of the middle, after this many of `turns`. */
  omitted: { count: number; after: number } | null
}

export const speakerNames = { agent: 'Receptionist', caller: 'Caller' } as const

/** Said in the mail and in its text part alike. */
export const wording = {
  missing: 'Not complete when this was sent',
  summary: 'Summary',
  followUps: 'To do',
  message: 'Message',
  urgentMessage: 'Urgent message',
  details: 'Details',
  transcript: 'Transcript',
  unheard: 'not heard',
  noWords: 'No words were spoken, or none could be made out.',
  omitted: (count: number) => `${count} more ${count === 1 ? 'turn is' : 'turns are'} left out here`,
  footer: (clinicName: string) =>
    `Sent once to the administrators of ${clinicName}. It may hold a patient’s details: please do not forward it.`,
} as const

export function CallSummary(props: CallSummaryProps) {
  return (
    <Html lang="en" dir="ltr">
      <Head>
        <title>{props.subject}</title>
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light only" />
        <meta name="supported-color-schemes" content="light only" />
        <meta name="format-detection" content="date=no,address=no,email=no,url=no" />
      </Head>
      <Body style={styles.page}>
        <div style={styles.preheader}>{props.preheader + preheaderPadding}</div>
        <Container style={styles.container}>
          <Rows>
            <Row style={styles.masthead}>{props.clinicName}</Row>
            <Row style={styles.card}>
              <Rows>
                <Row style={styles.head}>
                  <Heading as="h1" style={styles.title}>
                    {props.headline}
                  </Heading>
                  <p style={styles.byline}>{props.byline}</p>
                </Row>
                <Badges badges={props.badges} />
                <Missing missing={props.missing} />
                <Block title={wording.summary}>
                  <p style={styles.paragraph}>{props.summary}</p>
                </Block>
                {each(props.messages, messageBlock)}
                <FollowUps followUps={props.followUps} />
                <Details details={props.details} />
                <Transcript {...props} />
                <Row style={styles.end}>{nonBreakingSpace}</Row>
              </Rows>
            </Row>
            <Row style={styles.foot}>{wording.footer(props.clinicName)}</Row>
          </Rows>
        </Container>
      </Body>
    </Html>
  )
}

const nonBreakingSpace = '\u00a0'
/** Keeps the words that follow out of the inbox's preview line. */
const preheaderPadding = '\u200c\u00a0'.repeat(70)

const Rows = ({ children }: { children: ReactNode }) => (
  <table role="presentation" width="100%" border={0} cellPadding={0} cellSpacing={0}>
    <tbody>{children}</tbody>
  </table>
)

const Row = ({ style, children }: { style: object; children: ReactNode }) => (
  <tr>
    <td style={style}>{children}</td>
  </tr>
)

const Block = ({ title, children }: { title: string; children: ReactNode }) => (
  <Row style={styles.block}>
    <Heading as="h2" style={styles.heading}>
      {title}
    </Heading>
    {children}
  </Row>
)

/** Without keys: nothing here ever moves, and React would print a key that came twice, a patient's words among them. */
const each = <T,>(items: readonly T[], draw: (item: T) => ReactNode): ReactNode =>
  createElement(Fragment, null, ...items.map(draw))

function Badges({ badges }: Pick<CallSummaryProps, 'badges'>) {
  if (badges.length === 0) return null
  return (
    <Row style={{ ...styles.block, paddingTop: 14 }}>
      <table role="presentation" border={0} cellPadding={0} cellSpacing={0}>
        <tbody>
          <tr>{each(badges, badgeCells)}</tr>
        </tbody>
      </table>
    </Row>
  )
}

const badgeCells = ({ label, tone }: CallSummaryProps['badges'][number]) => (
  <>
    <td style={{ ...styles.badge, ...tones[tone] }}>{label}</td>
    <td style={styles.gap} />
  </>
)

function Missing({ missing }: Pick<CallSummaryProps, 'missing'>) {
  if (missing.length === 0) return null
  return (
    <Row style={styles.block}>
      <Rows>
        <Row style={{ ...styles.notice, ...tones.warn }}>
          <strong>{wording.missing}</strong>
          {each(missing, missingLine)}
        </Row>
      </Rows>
    </Row>
  )
}

const missingLine = (line: string) => <div>{line}</div>

const messageBlock = (message: CallSummaryProps['messages'][number]) => (
  <Block title={message.isUrgent ? wording.urgentMessage : wording.message}>
    <Rows>
      <Row style={styles.quote}>
        <p style={styles.paragraph}>{message.text}</p>
        <p style={styles.note}>{message.about}</p>
      </Row>
    </Rows>
  </Block>
)

function FollowUps({ followUps }: Pick<CallSummaryProps, 'followUps'>) {
  if (followUps.length === 0) return null
  return (
    <Block title={wording.followUps}>
      <Rows>{each(followUps, followUpRow)}</Rows>
    </Block>
  )
}

const followUpRow = (line: string) => (
  <tr>
    <td style={styles.bullet}>•</td>
    <td style={styles.item}>{line}</td>
  </tr>
)

const Details = ({ details }: Pick<CallSummaryProps, 'details'>) => (
  <Block title={wording.details}>
    <Rows>{each(details, detailRow)}</Rows>
  </Block>
)

const detailRow = ({ term, fact }: CallSummaryProps['details'][number]) => (
  <tr>
    <td style={styles.term}>{term}</td>
    <td style={styles.fact}>{fact}</td>
  </tr>
)

function Transcript({ turns, omitted }: Pick<CallSummaryProps, 'turns' | 'omitted'>) {
  const before = omitted === null ? turns : turns.slice(0, omitted.after)
  const after = omitted === null ? [] : turns.slice(omitted.after)
  return (
    <Block title={wording.transcript}>
      {turns.length === 0 ? (
        <p style={styles.paragraph}>{wording.noWords}</p>
      ) : (
        <Rows>
          {each(before, turnRow)}
          {omitted === null ? null : <Omitted count={omitted.count} />}
          {each(after, turnRow)}
        </Rows>
      )}
    </Block>
  )
}

const Omitted = ({ count }: { count: number }) => (
  <tr>
    <td style={styles.time}>…</td>
    <td style={{ ...styles.turn, ...styles.unheard }}>{wording.omitted(count)}</td>
  </tr>
)

const turnRow = ({ at, speaker, text, unheard }: CallSummaryProps['turns'][number]) => (
  <tr>
    <td style={styles.time}>{at}</td>
    <td style={styles.turn}>
      <span style={styles[speaker]}>{speakerNames[speaker]}</span> {text}
      {unheard === null ? null : <span style={styles.unheard}>{` [${wording.unheard}: ${unheard}]`}</span>}
    </td>
  </tr>
)
