import type { Command } from 'commander';
import type { z } from 'zod';
import type { RollbackProxies } from '../../api/fleet-types.ts';
import { changed, pinned, purged } from '../../api/routes.ts';
import { explanation, type PinView, pin, rollbackResult, side } from '../../api/types.ts';
import type { Side } from '../../core/cell.ts';
import { CutoverError } from '../../core/errors.ts';
import {
  type ChangeOptions,
  clientOf,
  collect,
  define,
  EXIT,
  parseDuration,
  parseHeader,
  parseMoment,
  type RemoteOptions,
  reasoned,
  remote,
  scoped,
  scopeFlags,
  scopeOf,
  scopeText,
} from '../command.ts';
import { colour, count, moment, ppm, print, printJson, printTable, safe } from '../output.ts';

/** `cutover rollback`: needs no thought and asks nothing. */
export function addRollback(program: Command): void {
  const command = reasoned(
    scoped(
      remote(
        program
          .command('rollback')
          .alias('undo')
          .description('take traffic back to the control at once, and keep it there until cutover unlatch'),
      ),
    ),
  );
  define<ChangeOptions>(
    command,
    ['cutover rollback', "cutover rollback --endpoint 'GET /orders/{id}' --reason 'wrong totals'"],
    async (options) => {
      const done = await clientOf(options).call('POST', 'rollback', rollbackResult, {
        scope: scopeOf(options),
        reason: options.reason ?? '',
      });
      if (options.output === 'json') {
        printJson(done);
        return EXIT.done;
      }
      print(
        colour.bold(
          `Rolled back ${safe(scopeText(done.scope))}: the control serves, effective after ${done.effectiveMs.toFixed(1)} ms.`,
        ),
      );
      if (done.journaledMs === null)
        print(
          colour.yellow(
            '! The store does not take it: the rollback is in force and will be journaled when the store works again.',
          ),
        );
      else print(`In the journal after ${done.journaledMs.toFixed(1)} ms, revision ${done.revision}.`);
      print(
        done.inFlight === 0
          ? 'No request is in flight on the candidate.'
          : `${count(done.inFlight)} ${done.inFlight === 1 ? 'request is' : 'requests are'} still in flight on the candidate and will end there.`,
      );
      print(
        done.cachedForSeconds === 0
          ? 'No cache is known to hold answers of the candidate.'
          : colour.yellow(
              `! Caches may give out answers of the candidate for up to ${count(done.cachedForSeconds)} s more.`,
            ),
      );
      if (done.proxies !== undefined) printProxies(done.proxies);
      print(colour.dim(`Lift it with: cutover unlatch${safe(scopeFlags(done.scope))}`));
      return EXIT.done;
    },
  );
}

/** Who obeys, and whom to roll back by hand. */
function printProxies({ acknowledged, missing }: RollbackProxies): void {
  const slowest = acknowledged.toSorted((a, b) => b.ms - a.ms)[0];
  if (slowest !== undefined)
    print(
      `${count(acknowledged.length)} ${acknowledged.length === 1 ? 'proxy obeys' : 'proxies obey'}, the last (${safe(slowest.name)}) after ${slowest.ms.toFixed(1)} ms.`,
    );
  for (const { name, why, door } of missing)
    print(
      colour.yellow(
        `! ${safe(name)} has not said that it obeys (${safe(why)}).${door === '' ? '' : ` By itself: cutover rollback --api ${safe(door)}`}`,
      ),
    );
}

/** `cutover unlatch`. */
export function addUnlatch(program: Command): void {
  const command = reasoned(
    scoped(remote(program.command('unlatch').description('lift a rollback: dials and proofs count again'))),
  );
  define<ChangeOptions>(
    command,
    ['cutover unlatch', "cutover unlatch --endpoint 'GET /orders/{id}' --reason fixed"],
    async (options) => {
      const done = await clientOf(options).call('DELETE', 'latch', changed, {
        scope: scopeOf(options),
        reason: options.reason ?? '',
      });
      if (options.output === 'json') printJson(done);
      else print(`The latch over ${safe(scopeText(scopeOf(options)))} is lifted.`);
      return EXIT.done;
    },
  );
}

interface PinOptions extends ChangeOptions {
  readonly lift?: string;
  readonly for?: number;
  readonly until?: number;
}

/** `cutover pin [SIDE]`. */
export function addPin(program: Command): void {
  const command = reasoned(
    scoped(
      remote(
        program
          .command('pin')
          .description('fix a scope to one side, even without proof; without a side, all pins')
          .argument('[side]', 'control or candidate'),
      ),
    ),
  )
    .option('--for <time>', 'ends by itself after this time: 2h, 7d', parseDuration)
    .option('--until <when>', 'ends by itself then: 2026-12-01, 2026-12-01T06:00', parseMoment)
    .option('--lift <id>', 'lift this pin');
  define<PinOptions>(
    command,
    ["cutover pin candidate --tenant acme --reason 'preview' --for 2d", 'cutover pin --lift p1'],
    async (options, wanted) => {
      const chosen =
        wanted === undefined || options.lift !== undefined ? undefined : pinnedSide(wanted, options.reason);
      const client = clientOf(options);
      if (options.lift !== undefined) {
        const done = await client.call('DELETE', `pins/${encodeURIComponent(options.lift)}`, changed, {
          reason: options.reason ?? '',
        });
        if (options.output === 'json') printJson(done);
        else print(`Pin ${safe(options.lift)} is lifted.`);
        return EXIT.done;
      }
      if (chosen === undefined) {
        const items = await client.all('pins', pin);
        if (options.output === 'json') printJson({ items });
        else if (items.length === 0) print('No pin is set.');
        else printPins(items);
        return EXIT.done;
      }
      const end = options.until ?? (options.for === undefined ? undefined : Date.now() + options.for);
      const until = end === undefined ? {} : { until: end };
      const done = await client.call('POST', 'pins', pinned, {
        scope: scopeOf(options),
        side: chosen,
        reason: options.reason ?? '',
        ...until,
      });
      if (options.output === 'json') printJson(done);
      else
        print(
          `Pin ${safe(done.id)}: ${safe(scopeText(done.scope))} is served by the ${done.side}${done.until === undefined ? '' : ` until ${moment(done.until)}`}.`,
        );
      return EXIT.done;
    },
  );
}

/** The side a pin is for, when all that a pin needs was given; asked before anything goes over the network. */
function pinnedSide(wanted: string, reason: string | undefined): Side {
  const chosen = side.safeParse(wanted);
  if (!chosen.success) throw new CutoverError('USAGE', `${wanted} is no side.`, { hint: 'Say control or candidate.' });
  if (reason === undefined || reason === '')
    throw new CutoverError('USAGE', 'A pin needs a reason.', { hint: "Give --reason 'why'." });
  return chosen.data;
}

function printPins(items: readonly PinView[]): void {
  printTable(items, [
    { title: 'id', value: (row) => row.id },
    { title: 'scope', value: (row) => scopeText(row.scope), flexible: true },
    { title: 'side', value: (row) => row.side },
    { title: 'until', value: (row) => (row.until === undefined ? 'it is lifted' : moment(row.until)) },
    { title: 'actor', value: (row) => row.actor, flexible: true, spare: 1 },
    { title: 'reason', value: (row) => row.reason, flexible: true },
  ]);
}

interface PurgeOptions extends RemoteOptions {
  readonly tenant: string;
  readonly reason?: string;
}

type Purged = z.infer<typeof purged>;

/** `cutover purge --tenant NAME`. */
export function addPurge(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('purge')
        .description(
          "delete what is kept of a tenant's traffic, and say what still names it: the journal, counts, evidence, orders",
        ),
    ),
  ).requiredOption('--tenant <name>', 'whose traffic');
  define<PurgeOptions>(
    command,
    ["cutover purge --tenant acme.example --reason 'asked to be forgotten'"],
    async (options) => {
      const done = await clientOf(options).call('POST', 'purge', purged, {
        tenant: options.tenant,
        reason: options.reason ?? '',
      });
      if (options.output === 'json') printJson(done);
      else {
        print(
          `Deleted of tenant ${safe(options.tenant)}: ${count(done.mismatches)} stored ${done.mismatches === 1 ? 'mismatch' : 'mismatches'}, ${count(done.recordings)} recorded ${done.recordings === 1 ? 'request' : 'requests'}, which differences struck ${count(done.struckCells)} of its cells.`,
        );
        for (const line of keptLines(done.kept)) print(line);
      }
      return EXIT.done;
    },
  );
}

/** What still names the tenant, and how it goes. */
function keptLines({ cells, orders, journalEntries }: Purged['kept']): string[] {
  const of = (number: number, one: string, more: string): string => `${count(number)} ${number === 1 ? one : more}`;
  return [
    'What still names it:',
    `  ${of(journalEntries, 'journal entry', 'journal entries')}: scope, reason and numbers, nothing of its traffic. Each entry holds the hash of the one before, so none can be taken out; the whole journal goes with the state folder.`,
    `  ${of(cells, 'cell', 'cells')}: counts and evidence, no request and no answer. They go with the state folder as well.`,
    `  ${of(orders, 'order', 'orders')} in force (pins, dials, holds, latches): lift those that are not needed.`,
    'Log files, exports, notices already sent and cutover.yaml are not touched.',
  ];
}

interface ExplainOptions extends RemoteOptions {
  readonly header?: readonly string[];
  readonly address: string;
}

/** `cutover explain METHOD PATH`. */
export function addExplain(program: Command): void {
  const command = remote(
    program
      .command('explain')
      .description('which side would serve a request, and why')
      .argument('<method>', 'such as GET')
      .argument('<path>', 'path and query'),
  )
    .option('-H, --header <line>', "a header, as 'name: value'; may be repeated", collect)
    .option('--address <ip>', "the client's address", '127.0.0.1');
  define<ExplainOptions>(
    command,
    ["cutover explain GET /orders/17 -H 'host: acme.example'", 'cutover explain POST /cart/add --output json'],
    async (options, method, path) => {
      const headers = (options.header ?? []).map(parseHeader);
      const found = await clientOf(options).call('POST', 'explain', explanation, {
        method,
        target: path,
        headers,
        address: options.address,
      });
      if (options.output === 'json') {
        printJson(found);
        return EXIT.done;
      }
      print(`${colour.bold(`The ${found.side} serves`)} (${safe(found.reason)}: ${safe(found.rule)})`);
      print(
        `endpoint ${safe(found.endpoint)}, tenant ${safe(found.tenant ?? 'none')}, bucket ${found.bucket === null ? 'none' : count(found.bucket)}, dial ${found.dialPpm === null ? 'none' : ppm(found.dialPpm)}, revision ${found.revision}`,
      );
      for (const [at, step] of found.chain.entries()) {
        const line = `${String(at + 1).padStart(2)} ${safe(step.step).padEnd(16)} ${safe(step.detail)}`;
        print(step.applies ? colour.bold(`${line}  ←`) : colour.dim(line));
      }
      return EXIT.done;
    },
  );
}
