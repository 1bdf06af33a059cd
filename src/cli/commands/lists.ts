import { type Command, Option } from 'commander';
import { z } from 'zod';
import {
  type CellView,
  cell,
  type Endpoint,
  endpoint,
  type MismatchSummary,
  mismatchSummary,
} from '../../api/types.ts';
import { CELL_STATES } from '../../core/cell.ts';
import type { ApiClient } from '../api-client.ts';
import { clientOf, define, EXIT, parseWhole, type RemoteOptions, remote } from '../command.ts';
import {
  type Column,
  colour,
  count,
  milliseconds,
  moment,
  percent,
  ppm,
  print,
  printJson,
  printTable,
  safe,
} from '../output.ts';

export interface ListOptions extends RemoteOptions {
  readonly limit: number;
  readonly cursor?: string;
  readonly endpoint?: string;
  readonly cluster?: string;
  readonly tenant?: string;
  readonly state?: string;
  readonly action?: string;
}

/** One page of a list, as the control API gives it. */
export interface PageOf<T> {
  readonly items: readonly T[];
  readonly next?: string | undefined;
}

/** Asks for one page of a list; filters that were not given are left out. */
export async function page<T>(
  client: ApiClient,
  path: string,
  type: z.ZodType<T>,
  query: Readonly<Record<string, string | number | undefined>>,
): Promise<PageOf<T>> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, String(value));
  return client.call('GET', `${path}?${parameters}`, z.object({ items: z.array(type), next: z.string().optional() }));
}

/** A command that lists something page by page. */
export function listed(program: Command, name: string, description: string): Command {
  return remote(program.command(name).description(description))
    .option('--limit <n>', 'at most so many', parseWhole(1, 200), 30)
    .option('--cursor <cursor>', 'go on after this one, as printed');
}

/** Prints a page as a table, or as it is; says how to see more. */
export function show<T>(found: PageOf<T>, options: ListOptions, columns: readonly Column<T>[], empty: string): number {
  if (options.output === 'json') printJson(found);
  else if (found.items.length === 0) print(empty);
  else {
    printTable(found.items, columns);
    if (found.next !== undefined) print(colour.dim(`more: --cursor ${safe(found.next)}`));
  }
  return EXIT.done;
}

function compared(verdicts: Endpoint['verdicts']): number {
  return verdicts.match + verdicts.ignored + verdicts.mismatch + verdicts.inconclusive;
}

const CELL_COLUMNS: readonly Column<CellView>[] = [
  { title: 'tenant', value: (row) => row.tenant, flexible: true },
  { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
  {
    title: 'state',
    value: (row) => row.state,
    paint: (text, row) =>
      row.state === 'open'
        ? colour.green(text)
        : row.state === 'closed' || row.state === 'latched'
          ? colour.red(text)
          : text,
  },
  { title: 'compared', value: (row) => count(compared(row.verdicts)), right: true },
  { title: 'parity', value: (row) => percent(row.parity), right: true },
  { title: 'candidate', value: (row) => count(row.served.candidate), right: true, spare: 2 },
  { title: 'control', value: (row) => count(row.served.control), right: true, spare: 3 },
  { title: 'dial', value: (row) => ppm(row.dialPpm), right: true, spare: 1 },
  { title: 'missing', value: (row) => row.missing, flexible: true },
];

/** `cutover cells`. */
export function addCells(program: Command): void {
  const command = listed(
    program,
    'cells',
    'tenant × endpoint: state, comparisons, parity and what is missing for a proof',
  )
    .option('--tenant <name>', 'only this tenant')
    .option('--endpoint <name>', 'only this endpoint')
    .addOption(new Option('--state <state>', 'only cells in this state').choices(CELL_STATES));
  define<ListOptions>(
    command,
    ['cutover cells --tenant acme', "cutover cells --endpoint 'GET /orders/{id}' --output json"],
    async (options) => {
      const found = await page(clientOf(options), 'cells', cell, {
        limit: options.limit,
        cursor: options.cursor,
        tenant: options.tenant,
        endpoint: options.endpoint,
        state: options.state,
      });
      return show(found, options, CELL_COLUMNS, 'No request has come yet.');
    },
  );
}

const ENDPOINT_COLUMNS: readonly Column<Endpoint>[] = [
  { title: 'endpoint', value: (row) => row.endpoint, flexible: true },
  {
    title: 'requests',
    value: (row) => count(row.served.control + row.served.candidate),
    right: true,
    spare: 2,
  },
  { title: 'compared', value: (row) => count(compared(row.verdicts)), right: true },
  { title: 'parity', value: (row) => percent(row.parity), right: true },
  { title: 'dial', value: (row) => ppm(Math.min(row.dialPpm, row.maxPpm)), right: true },
  { title: 'control p95', value: (row) => milliseconds(row.latencyMs.control.p95), right: true, spare: 4 },
  { title: 'candidate p95', value: (row) => milliseconds(row.latencyMs.candidate.p95), right: true, spare: 3 },
  { title: 'noise', value: (row) => count(row.noise.length), right: true, spare: 1 },
  { title: 'proof', value: (row) => (row.moves ? row.proof : 'never moves') },
];

/** Places of a list of endpoints whose noise is not excused, as many as are printed. */
const MAX_UNEXCUSED = 20;

/** What the control itself varies in and Cutover holds against the candidate all the same. */
function printUnexcused(endpoints: readonly Endpoint[]): void {
  const lines = endpoints.flatMap(({ endpoint: name, noise }) =>
    noise.flatMap(({ path, refused, flagged }) => {
      const why = flagged === undefined ? refused : `not excused: ${flagged}`;
      return why === undefined ? [] : [`${safe(name)} ${safe(path)}: ${safe(why)}`];
    }),
  );
  if (lines.length === 0) return;
  print();
  for (const line of lines.slice(0, MAX_UNEXCUSED)) print(colour.dim(line));
  if (lines.length > MAX_UNEXCUSED) print(colour.dim(`and ${count(lines.length - MAX_UNEXCUSED)} more: --output json`));
}

/** `cutover endpoints`. */
export function addEndpoints(program: Command): void {
  define<ListOptions>(
    listed(program, 'endpoints', 'endpoints with parity, dial, latency and noise'),
    ['cutover endpoints', 'cutover endpoints --output json'],
    async (options) => {
      const found = await page(clientOf(options), 'endpoints', endpoint, {
        limit: options.limit,
        cursor: options.cursor,
      });
      const code = show(found, options, ENDPOINT_COLUMNS, 'No request has come yet.');
      if (options.output !== 'json') printUnexcused(found.items);
      return code;
    },
  );
}

const MISMATCH_COLUMNS: readonly Column<MismatchSummary>[] = [
  { title: 'id', value: (row) => row.id },
  { title: 'at', value: (row) => moment(row.at), spare: 2 },
  { title: 'tenant', value: (row) => row.tenant, flexible: true },
  { title: 'request', value: (row) => `${row.method} ${row.target}`, flexible: true },
  { title: 'differences', value: (row) => count(row.differenceCount), right: true, spare: 1 },
  { title: 'cluster', value: (row) => row.cluster },
];

/** `cutover mismatches`. */
export function addMismatches(program: Command): void {
  const command = listed(program, 'mismatches', 'stored mismatches, the newest first')
    .option('--cluster <id>', 'only of this cluster')
    .option('--endpoint <name>', 'only this endpoint')
    .option('--tenant <name>', 'only this tenant; together with an endpoint');
  define<ListOptions>(command, ['cutover mismatches', 'cutover mismatches --cluster 3f9a1c0be412'], async (options) => {
    const found = await page(clientOf(options), 'mismatches', mismatchSummary, {
      limit: options.limit,
      cursor: options.cursor,
      cluster: options.cluster,
      endpoint: options.endpoint,
      tenant: options.tenant,
    });
    return show(found, options, MISMATCH_COLUMNS, 'No mismatch is stored.');
  });
}
