import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { type RampView, ramp } from '../../api/ramp-types.ts';
import { changed } from '../../api/routes.ts';
import { CutoverError } from '../../core/errors.ts';
import { clientOf, define, EXIT, type RemoteOptions, reasoned, remote } from '../command.ts';
import { colour, moment, ppm, print, printJson, printTable, safe } from '../output.ts';

/** `cutover ramps`. */
export function addRamps(program: Command): void {
  const command = remote(program.command('ramps').description('where each ramp is, and what its next step waits for'));
  define<RemoteOptions>(command, ['cutover ramps', 'cutover ramps --output json'], async (options) => {
    const items = await rampsOf(options);
    if (options.output === 'json') printJson({ items });
    else if (items.length === 0)
      print('There is no ramp: the configuration gives no steps, or nothing was served yet.');
    else
      printTable(items, [
        { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
        { title: 'step', value: stepText },
        { title: 'dial', value: dialText, right: true },
        {
          title: 'state',
          value: (row) => (row.restAt === undefined ? row.state : `rests until ${moment(row.restAt)}`),
        },
        { title: 'since', value: (row) => moment(row.since) },
        { title: 'evidence', value: (row) => row.pooled },
      ]);
    return EXIT.done;
  });
}

async function rampsOf(options: RemoteOptions): Promise<RampView[]> {
  const { items } = await clientOf(options).call('GET', 'ramps?limit=200', z.object({ items: z.array(ramp) }));
  return items;
}

function stepText({ steps, step, waits }: RampView): string {
  const present = steps[step];
  if (present === undefined) return 'done';
  const gate = waits === undefined ? '' : ` ${waits.gate}, ${waits.approvals.length} of ${waits.needed} approved`;
  return `${step + 1} of ${steps.length}: ${present.kind}${gate}`;
}

/** `5%`, and what cohorts and tenants have besides: `5%, beta 100%`. */
function dialText({ dialPpm, scoped = [] }: RampView): string {
  return [ppm(dialPpm), ...scoped.map((one) => `${one.cohort ?? one.tenant ?? ''} ${ppm(one.dialPpm)}`)].join(', ');
}

interface GateOptions extends RemoteOptions {
  readonly gate?: string;
  readonly reason?: string;
}

/** `cutover approve [ENDPOINT]`; without one, the gates that wait. */
export function addApprove(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('approve')
        .description('approve the gate where a ramp waits; without an endpoint, the gates that wait')
        .argument('[endpoint]', "of the ramp, such as 'GET /orders/{id}'"),
    ),
  ).option('--gate <name>', 'only if it is this gate');
  define<GateOptions>(
    command,
    ['cutover approve', "cutover approve 'GET /orders/{id}' --gate release --reason 'checked with finance'"],
    async (options, endpoint) => {
      if (endpoint === undefined) return listGates(options);
      const done = await clientOf(options).call('POST', 'approve', changed, gateBody(endpoint, options));
      if (options.output === 'json') {
        printJson(done);
        return EXIT.done;
      }
      const { gate, given, needed } = evidence.parse(done.journal.evidence);
      print(
        given >= needed
          ? `Gate ${safe(gate)} is open: the ramp of ${safe(endpoint)} goes on.`
          : `Gate ${safe(gate)} has ${given} of ${needed} approvals; somebody else has to approve too.`,
      );
      return EXIT.done;
    },
  );
}

const evidence = z.looseObject({ gate: z.string(), given: z.number(), needed: z.number() });

function gateBody(endpoint: string, { gate, reason }: GateOptions): Readonly<Record<string, string>> {
  return { endpoint, reason: reason ?? '', ...(gate === undefined ? {} : { gate }) };
}

async function listGates(options: GateOptions): Promise<number> {
  const items = (await rampsOf(options)).filter((one) => one.waits !== undefined);
  if (options.output === 'json') printJson({ items });
  else if (items.length === 0) print('No gate waits.');
  else
    printTable(items, [
      { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
      { title: 'gate', value: (row) => row.waits?.gate ?? '' },
      { title: 'approved', value: (row) => `${row.waits?.approvals.length} of ${row.waits?.needed}` },
      {
        title: 'by',
        value: (row) => (row.waits?.approvals ?? []).map(({ actor }) => actor).join(', '),
        flexible: true,
      },
      { title: 'approvers', value: (row) => row.waits?.approvers.join(', ') || 'anybody', flexible: true },
      { title: 'since', value: (row) => moment(row.since) },
    ]);
  return EXIT.done;
}

/** `cutover reject ENDPOINT`. */
export function addReject(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('reject')
        .description('reject the gate where a ramp waits: it is held until cutover resume')
        .argument('<endpoint>', 'of the ramp', parseEndpoint),
    ),
  ).option('--gate <name>', 'only if it is this gate');
  define<GateOptions>(
    command,
    ["cutover reject 'GET /orders/{id}' --reason 'totals are not signed off'"],
    async (options, endpoint = '') => {
      const done = await clientOf(options).call('POST', 'reject', changed, gateBody(endpoint, options));
      if (options.output === 'json') printJson(done);
      else {
        print(`Rejected: the ramp of ${safe(endpoint)} is held. What serves goes on; cutover rollback takes it back.`);
        print(colour.dim(`Let it wait at the gate again with: cutover resume --endpoint '${safe(endpoint)}'`));
      }
      return EXIT.done;
    },
  );
}

interface RetireOptions extends RemoteOptions {
  readonly reason?: string;
  readonly revert?: true;
}

/** `cutover retire ENDPOINT`. */
export function addRetire(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('retire')
        .description('the control no longer serves an endpoint: the candidate always does, even under a rollback')
        .argument('<endpoint>', "such as 'GET /orders/{id}'", parseEndpoint),
    ),
  ).option('--revert', 'take it back: dials, proofs and rollbacks count again');
  define<RetireOptions>(
    command,
    ["cutover retire 'GET /orders/{id}' --reason 'verified for 14 days'", "cutover retire --revert 'GET /orders/{id}'"],
    async (options, endpoint = '') => {
      const { reason = '', revert } = options;
      if (reason === '' && revert !== true)
        throw new CutoverError('USAGE', 'To retire takes a reason.', { hint: "Give --reason 'why'." });
      const path = revert === true ? 'unretire' : 'retire';
      const done = await clientOf(options).call('POST', path, changed, { endpoint, reason });
      if (options.output === 'json') printJson(done);
      else if (revert === true) print(`${safe(done.journal.scope)} is no longer retired: the dial decides.`);
      else {
        print(`Retired: ${safe(done.journal.scope)}. The candidate always serves it; a rollback no longer reaches it.`);
        print(colour.dim(`Take it back with: cutover retire --revert '${safe(endpoint)}'`));
      }
      return EXIT.done;
    },
  );
}

function parseEndpoint(text: string): string {
  if (!/^[A-Z*]+ \S+$/.test(text)) throw new InvalidArgumentError("Give a method and a path: 'GET /orders/{id}'.");
  return text;
}
