// `sim up` and the commands that drive it from another terminal, as they are written on the command line. Owns their options and what
// these default to; refuses what cannot be read, and leaves the rest to the commands.
import { type Command, Option } from 'commander'
import { dtmfCommand, hangupCommand, ringCommand, sayCommand, smsCommand, tailCommand } from './command-drive.ts'
import { upCommand, upPorts } from './command-up.ts'
import {
  callerAddress,
  named,
  person,
  phoneNumber,
  portNumber,
  several,
  textAddress,
  webUrl,
} from './command-values.ts'

/** Nobody's: a number that is kept for stories. */
const somebody = '+15550102030'

export function addUpCommands(program: Command): void {
  const port = (flag: string, about: string, usual: number) =>
    new Option(flag, about).default(usual).argParser(portNumber)

  program
    .command('up')
    .description('Runs the stand-ins by themselves, for any server, and shows what happens on them.')
    .addOption(port('--carrier-port <port>', 'where our Twilio is', upPorts.carrier))
    .addOption(port('--model-port <port>', 'where our OpenAI is', upPorts.model))
    .addOption(port('--inbox-port <port>', 'where our Resend is', upPorts.inbox))
    .option('--account-sid <sid>', 'the Twilio account, in place of the one that is always the same')
    .option('--auth-token <token>', 'what requests are signed with, in place of the one that is always the same')
    .option('--fixture <name|file>', 'whose model speaks; without it, the model repeats what it hears')
    .option('--model-faults <json>', 'what goes wrong with the model, as in fixtures: {"expireAfterMs":20000}')
    .option('--carrier-faults <json>', 'what goes wrong at the carrier: {"refuseRest":[{"code":20429}]}')
    .option(
      '--chaos <faults|file>',
      'what happens on every way: duplicate=0.3,reorder; "sim call --chaos help" lists it',
    )
    .option(
      '--person <number=answer>',
      'who, called or written to, is busy, never answers, is unreachable, or answers after 8s; may be given again',
      person,
      [],
    )
    .addOption(
      new Option('--number <number>', 'one that the account has already, for a server to point somewhere; again')
        .default([])
        .argParser((text: string, before: string[]) => [...before, phoneNumber(text)]),
    )
    .option(
      '--tls',
      'the model by https and wss, for clients that take nothing else, such as the realtime classes of "openai"',
    )
    .option('--allow-remote', 'servers may be on other machines')
    .option('--json', 'print the addresses, then everything that happens, a JSON object a line')
    .action(upCommand)

  /** A command to a running `sim up`. */
  const driving = (name: string, about: string) =>
    program
      .command(name)
      .description(`${about} Needs a running "sim up".`)
      .option('--carrier <url>', 'the carrier of "sim up", if it is not on its usual port', webUrl)
      .option('--json', 'print one JSON object')
  const ofCall = (name: string, about: string) =>
    driving(name, about).option('--call <sid>', 'the call, if more than one is up')
  const method = () =>
    new Option('--method <method>', 'how the webhook is asked').choices(['GET', 'POST']).default('POST')
  const field = (example: string) =>
    ['--field <name=value>', `another field of the webhook, such as ${example}; may be given again`] as const
  const publicUrl = [
    '--public-url <url>',
    'the address by which the server knows itself, if it is another',
    webUrl,
  ] as const

  driving('ring', 'Places a call, whose caller then does what say, dtmf and hangup tell.')
    .requiredOption('--to <number>', 'the number to call', phoneNumber)
    .option('--from <number>', 'who calls: a number, anonymous, client:name or sip:name@host', callerAddress, somebody)
    .option('--webhook <url>', 'the server’s voice webhook; kept for the number’s next calls', webUrl)
    .addOption(method())
    .option('--fallback <url>', "asked when the webhook fails; may be relative to it; kept, too: '' takes it away")
    .option('--status-callback <url>', 'told when the call is over; the same holds of it')
    .option(...field('ForwardedFrom=+15550109999'), named, {})
    .option(...publicUrl)
    .action(ringCommand)
  ofCall('say', 'Has the caller speak, after what they are saying now.')
    .argument('<words>', 'in English, up to 2000 characters')
    .option('--voice <name>', 'slt, rms, awb, kal or kal16')
    .action(sayCommand)
  ofCall('dtmf', 'Has the caller press keys.').argument('<digits>', '0 to 9, * and #').action(dtmfCommand)
  ofCall('hangup', 'Has the caller hang up, at once.').action(hangupCommand)
  driving('sms', 'Writes to a number, by SMS or WhatsApp, and shows what is answered.')
    .argument('<text>', 'up to 1600 characters')
    .requiredOption('--to <number>', 'the number written to; whatsapp:+… for WhatsApp', textAddress)
    .option('--from <number>', 'who writes', textAddress, somebody)
    .option('--webhook <url>', 'the server’s message webhook; kept for the number’s next messages', webUrl)
    .addOption(method())
    .option('--media <url>', 'a picture or another file that comes with it; may be given again', several, [])
    .option(...field('ButtonPayload=yes'), named, {})
    .option(...publicUrl)
    .action(smsCommand)
  driving('tail', 'Follows what happens on the stand-ins.')
    .option('--frames', 'with --json: the sound, too')
    .action(tailCommand)
}
