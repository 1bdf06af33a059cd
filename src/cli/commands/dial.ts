import type { Command } from 'commander';
import { z } from 'zod';
import { dialChanged } from '../../api/routes.ts';
import { cell, dial, type Endpoint, endpoint, type ScopeView, status } from '../../api/types.ts';
import { isCutoverError } from '../../core/errors.ts';
import type { ApiClient } from '../api-client.ts';
import {
  type ChangeOptions,
  clientOf,
  define,
  EXIT,
  parsePercent,
  reasoned,
  remote,
  scoped,
  scopeOf,
  scopeText,
} from '../command.ts';
import { colour, count, errorColour, ppm, print, printError, printJson, printTable, safe } from '../output.ts';

/** `cutover dial [SHARE]`. */
export function addDial(program: Command): void {
  const command = reasoned(
    scoped(
      remote(
        program
          .command('dial')
          .description("the candidate's share of what may move; without a share, all dials")
          .argument('[share]', 'a percentage such as 5%', parsePercent),
      ),
    ),
  );
  define<ChangeOptions>(
    command,
    ['cutover dial', "cutover dial 5% --endpoint 'GET /orders/{id}'"],
    async (options, share) => {
      const client = clientOf(options);
      if (share === undefined) return list(client, options);
      const dialPpm = Number(share); // parsed to parts per million with the other arguments
      const done = await client.call('PUT', 'dials', dialChanged, {
        scope: scopeOf(options),
        dialPpm,
        reason: options.reason ?? '',
      });
      if (options.output === 'json') printJson(done);
      else {
        print(`Dial of ${safe(scopeText(done.scope))}: ${ppm(done.dialPpm)}, revision ${done.revision}.`);
        await sayWhatMoves(client, done.scope, dialPpm);
      }
      return EXIT.done;
    },
  );
}

async function list(client: ApiClient, options: ChangeOptions): Promise<number> {
  const items = await client.all('dials', dial);
  if (options.output === 'json') printJson({ items });
  else if (items.length === 0) print('No dial is set: the control serves everything that is not pinned.');
  else
    printTable(items, [
      { title: 'scope', value: (row) => scopeText(row.scope), flexible: true },
      { title: 'dial', value: (row) => ppm(row.dialPpm), right: true },
    ]);
  return EXIT.done;
}

/** The dial is set by now: what cannot be told about it is no failure of the command. */
async function sayWhatMoves(client: ApiClient, scope: ScopeView, dialPpm: number): Promise<void> {
  try {
    for (const sentence of await whatMoves(client, scope, dialPpm)) print(sentence);
  } catch (error) {
    if (!isCutoverError(error)) throw error;
    printError(errorColour.yellow(`! What it moves cannot be told: ${safe(error.message)}`));
  }
}

/** What a dial that was just set does now, and what it does not do yet: a number alone would promise too much. */
async function whatMoves(client: ApiClient, scope: ScopeView, dialPpm: number): Promise<readonly string[]> {
  const now = await client.call('GET', 'status', status);
  const said: string[] = [];
  if (now.latches.length > 0)
    said.push(colour.yellow('! A rollback is in force; what it covers stays with the control until cutover unlatch.'));
  if (dialPpm === 0) return said;
  const known = await knownEndpoint(client, scope);
  if (known !== undefined && !known.moves)
    return [...said, colour.yellow('! This endpoint never moves: it writes, acts, or is not known well enough.')];
  if (known !== undefined && known.maxPpm < dialPpm)
    said.push(colour.yellow(`! The configuration caps it at ${ppm(known.maxPpm)} (max).`));
  if (known?.proof === 'none') return [...said, 'It demands no proof: the dial alone decides, from now on.'];
  return [...said, openText(scope.endpoint === undefined ? now.cells : await cellStates(client, scope))];
}

/** How many of the cells under a dial it may move. */
function openText(cells: Readonly<Record<string, number>>): string {
  const all = Object.values(cells).reduce((sum, value) => sum + value, 0);
  const open = (cells['open'] ?? 0) + (cells['renewing'] ?? 0);
  if (open === 0)
    return colour.yellow(
      'Nothing moves yet where proof is demanded: no cell is open. cutover cells says what is missing; with proof: none in the configuration the dial alone decides.',
    );
  return `${count(open)} of ${count(all)} cells are open and move now; the others follow when they have their proof.`;
}

async function knownEndpoint(client: ApiClient, scope: ScopeView): Promise<Endpoint | undefined> {
  if (scope.endpoint === undefined) return undefined;
  return (await client.all('endpoints', endpoint)).find((item) => item.endpoint === scope.endpoint);
}

/** States of an endpoint's cells, of the first 200. */
async function cellStates(client: ApiClient, scope: ScopeView): Promise<Readonly<Record<string, number>>> {
  const { items } = await client.call(
    'GET',
    `cells?${new URLSearchParams({
      limit: '200',
      ...(scope.endpoint === undefined ? {} : { endpoint: scope.endpoint }),
      ...(scope.tenant === undefined ? {} : { tenant: scope.tenant }),
    })}`,
    z.object({ items: z.array(cell) }),
  );
  const states: Record<string, number> = {};
  for (const { state } of items) states[state] = (states[state] ?? 0) + 1;
  return states;
}
