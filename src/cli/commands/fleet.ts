import type { Command } from 'commander';
import { type FleetView, fleet } from '../../api/fleet-types.ts';
import { type CommonOptions, clientOf, collect, define, EXIT, type RemoteOptions, remote } from '../command.ts';
import { colour, count, milliseconds, print, printError, printJson, printTable, safe } from '../output.ts';

interface SideOptions extends CommonOptions {
  readonly config?: string;
  readonly control?: readonly string[];
  readonly candidate?: readonly string[];
  readonly dir?: string;
  readonly name?: string;
}

interface ControllerOptions extends SideOptions {
  readonly apiListen?: string;
  readonly store?: string;
  readonly fleetListen: string;
  readonly fleetCert?: string;
  readonly fleetKey?: string;
}

interface ProxyOptions extends SideOptions {
  readonly listen?: string;
  readonly controller?: readonly string[];
  readonly controllerCa?: string;
  readonly door: string;
  readonly tokenFile?: string;
}

function sides(command: Command): Command {
  return command
    .option('-c, --config <file>', 'the configuration, the same for every process of the fleet')
    .option('--control <url>', 'address of the live service; may be repeated', collect)
    .option('--candidate <url>', 'address of its rewrite; may be repeated', collect)
    .option('--name <name>', 'how it is called in the fleet (default: host and process)')
    .option('--dir <folder>', 'state folder, one for each process');
}

/** Names of endpoints and tenants come from requests. */
const printLine = (line: string): void => printError(safe(line));

/** `cutover controller`. */
export function addController(program: Command): void {
  const command = sides(
    program.command('controller').description('decide for a fleet of proxies: one leads, further ones stand by'),
  )
    .option('--store <url>', 'the PostgreSQL database that all controllers share (CUTOVER_STORE)')
    .option('--api-listen <address>', 'where the control API and the page listen')
    .option('--fleet-listen <address>', 'where proxies join', '127.0.0.1:8082')
    .option('--fleet-cert <file>', 'certificate in PEM: proxies join over TLS; a renewed file is taken over')
    .option('--fleet-key <file>', 'its private key in PEM');
  define<ControllerOptions>(
    command,
    [
      'cutover controller -c cutover.yaml --store postgres://cutover@db/cutover',
      'CUTOVER_STORE=postgres://… cutover controller -c cutover.yaml --fleet-listen 10.0.0.7:8082',
    ],
    async (options) => {
      const { runController } = await import('../../app/run-fleet.ts');
      return runController({ ...options, print: printLine });
    },
  );
}

/** `cutover proxy`. */
export function addProxy(program: Command): void {
  const command = sides(
    program.command('proxy').description('serve as one of a fleet, by the table of its controllers'),
  )
    .option('--listen <address>', 'where to serve, host:port')
    .option('--controller <url>', 'where a controller lets proxies join; name each of them', collect)
    .option('--controller-ca <file>', 'authority in PEM that certificates of https:// controllers are trusted by')
    .option('--token-file <file>', 'file with the token of the fleet (or CUTOVER_TOKEN holds it)')
    .option('--door <address>', 'its own door: rollback without a controller, probes, metrics', '127.0.0.1:8083');
  define<ProxyOptions>(
    command,
    ['cutover proxy -c cutover.yaml --controller http://10.0.0.7:8082 --controller http://10.0.0.8:8082'],
    async (options) => {
      const { runProxy } = await import('../../app/run-fleet.ts');
      return runProxy({ ...options, controller: options.controller ?? [], print: printLine });
    },
  );
}

/** `cutover fleet`. */
export function addFleet(program: Command): void {
  const command = remote(
    program
      .command('fleet')
      .description('the proxies of the fleet: which table each obeys, and when it was heard of last'),
  );
  define<RemoteOptions>(command, ['cutover fleet', 'cutover fleet --output json'], async (options) => {
    const view = await clientOf(options).call('GET', 'fleet', fleet);
    if (options.output === 'json') printJson(view);
    else printFleet(view);
    return EXIT.done;
  });
}

function printFleet({ leader, revision, members }: FleetView): void {
  if (leader === null)
    print('This Cutover serves by itself: it is no controller of a fleet, or a proxy that reaches none.');
  else
    print(
      `${safe(leader.name)} ${leader.leads ? 'leads' : colour.yellow('does not lead at present')}, term ${leader.term}, revision ${revision}.`,
    );
  if (members.length === 0) return;
  printTable(members, [
    { title: 'name', value: ({ name }) => safe(name) },
    { title: 'role', value: ({ role }) => role },
    { title: 'version', value: ({ version }) => safe(version) },
    {
      title: 'obeys',
      value: ({ revision: has, behind }) => (behind === 0 ? `revision ${has}` : `revision ${has}, ${behind} behind`),
    },
    { title: 'seen', value: ({ connected, silentMs }) => (connected ? 'connected' : `${milliseconds(silentMs)} ago`) },
    { title: 'waiting', value: ({ waiting }) => count(waiting) },
    { title: 'lost', value: ({ lost }) => count(lost) },
    { title: 'door', value: ({ door }) => safe(door) },
  ]);
  for (const { name, planTrouble } of members)
    if (planTrouble !== '') print(colour.yellow(`${safe(name)} goes by an earlier plan: ${safe(planTrouble)}`));
}
