import { type Command, InvalidArgumentError, Option } from 'commander';
import { type RankedCluster, rankedCluster, type UnlockView, unlock } from '../../api/cluster-types.ts';
import { clusterChanged } from '../../api/routes.ts';
import { CLUSTER_STATES } from '../../core/cluster/mark.ts';
import { CutoverError } from '../../core/errors.ts';
import { clientOf, define, EXIT, parseDuration, type RemoteOptions, reasoned, remote } from '../command.ts';
import { type Column, colour, count, moment, percent, print, printJson, printTable, safe } from '../output.ts';
import { type ListOptions, listed, page } from './lists.ts';

const COLUMNS: readonly Column<RankedCluster>[] = [
  { title: 'cluster', value: (row) => row.id },
  {
    title: 'state',
    value: stateText,
    paint: (text, row) => (row.state === 'returned' ? colour.red(text) : text),
  },
  { title: 'opens', value: (row) => `${count(row.opens.cells)} · ${percent(row.opens.share)}`, right: true },
  {
    title: 'blocks',
    value: (row) => `${count(row.blocks.cells)} · ${percent(row.blocks.share)}`,
    right: true,
    spare: 4,
  },
  { title: 'count', value: (row) => count(row.count), right: true, spare: 2 },
  { title: 'endpoint', value: placesText, flexible: true },
  { title: 'path', value: (row) => row.pathPattern, flexible: true },
  { title: 'kind', value: (row) => row.kind, spare: 3 },
  { title: 'became', value: (row) => row.transition, flexible: true, spare: 5 },
  { title: 'example', value: (row) => row.example },
];

/** `cutover clusters`: what differs, by cause, in the order in which to look at it. */
export function addClusters(program: Command): void {
  const command = listed(program, 'clusters', 'differences by cause, those first that stand in the way of most')
    .option('--endpoint <name>', 'only this endpoint')
    .addOption(new Option('--state <state>', 'only clusters in this state').choices(CLUSTER_STATES));
  define<ListOptions>(
    command,
    ['cutover clusters', 'cutover clusters --state returned', 'cutover clusters --limit 5 --output json'],
    async (options) => {
      const client = clientOf(options);
      const found = await page(client, 'clusters', rankedCluster, {
        limit: options.limit,
        cursor: options.cursor,
        endpoint: options.endpoint,
        state: options.state,
      });
      const gains = await client.call('GET', 'unlock', unlock);
      if (options.output === 'json') printJson({ ...found, unlock: gains });
      else printClusters(found, gains);
      return EXIT.done;
    },
  );
}

function printClusters(
  found: { readonly items: readonly RankedCluster[]; readonly next?: string | undefined },
  gains: UnlockView,
): void {
  if (found.items.length === 0) {
    print('No difference has been found yet.');
    return;
  }
  const best = bestPlan(gains);
  if (best !== undefined) {
    print(colour.bold(best.sentence));
    print(colour.dim(`  ${best.clusters.map(safe).join(', ')}; the cells open as clean comparisons come in`));
    print();
  }
  printTable(found.items, COLUMNS);
  if (found.next !== undefined) print(colour.dim(`more: --cursor ${safe(found.next)}`));
  print(colour.dim('see one: cutover cluster CLUSTER; reproduce it here: cutover repro EXAMPLE'));
}

/** The plan told first: that of three fixes, or the largest smaller one. */
function bestPlan({ plans }: UnlockView): UnlockView['plans'][number] | undefined {
  return plans.filter(({ fixes }) => fixes <= 3).at(-1);
}

function stateText({ state, isNew }: RankedCluster): string {
  return state === 'open' && isNew ? 'new' : state;
}

function placesText({ endpoint, endpoints }: RankedCluster): string {
  return endpoints.length > 1 ? `${endpoint} and ${endpoints.length - 1} more` : endpoint;
}

interface ClusterOptions extends RemoteOptions {
  readonly reason?: string;
  readonly owner?: string;
  readonly until?: number;
  readonly counts?: true;
}

const VERBS = ['accept', 'fix', 'reopen', 'own', 'note'] as const;
type Verb = (typeof VERBS)[number];

/** `cutover cluster ID`, and what is to become of it. */
export function addCluster(program: Command): void {
  const command = reasoned(
    remote(
      program
        .command('cluster')
        .description('one cause of differences; with a verb, what becomes of it')
        .argument('<id>', 'as clusters prints it')
        .argument('[verb]', 'accept, fix, reopen, own, note', parseVerb)
        .argument('[text]', 'with own the name of who looks after it, with note the note; empty takes it away'),
    ),
  )
    .option('--until <when>', 'with accept: a date (2027-01-31), or a time from now (30d)', parseUntil)
    .option('--owner <name>', 'who looks after it')
    .option('--counts', 'with accept: what is accepted counts as a match; needs an owner');
  define<ClusterOptions>(
    command,
    [
      'cutover cluster 3f9a1c0be412',
      "cutover cluster 3f9a1c0be412 accept --reason 'ids are longer by design' --until 2027-01-31 --owner shop-team",
      "cutover cluster 3f9a1c0be412 fix --reason 'released with 2.4.1'",
      'cutover cluster 3f9a1c0be412 own shop-team',
    ],
    async (options, id, verb, text) => {
      const path = `clusters/${encodeURIComponent(id ?? '')}`;
      const client = clientOf(options);
      if (verb === undefined) {
        const found = await client.call('GET', path, rankedCluster);
        if (options.output === 'json') printJson(found);
        else printCluster(found);
        return EXIT.done;
      }
      const done = await client.call('POST', path, clusterChanged, orderOf(verb as Verb, text, options)); // parseVerb checked it
      if (options.output === 'json') printJson(done);
      else print(doneText(done, verb as Verb));
      return EXIT.done;
    },
  );
}

function orderOf(verb: Verb, text: string | undefined, options: ClusterOptions): Record<string, unknown> {
  const { owner, until, counts, reason = '' } = options;
  const common = { reason, ...(owner === undefined ? {} : { owner }) };
  switch (verb) {
    case 'accept':
      if (until === undefined || reason.trim() === '')
        throw new CutoverError('USAGE', 'Accepting a difference needs a reason and an end.', {
          hint: "Give them: --reason 'by design' --until 2027-01-31",
        });
      return { ...common, state: 'accepted', until, ...(counts === true ? { counts } : {}) };
    case 'fix':
      return { ...common, state: 'fixed' };
    case 'reopen':
      return { ...common, state: 'open' };
    case 'own':
      return { ...common, owner: wanted(text, 'Say who: cutover cluster ID own NAME') };
    case 'note':
      return { ...common, note: wanted(text, "Say what: cutover cluster ID note 'TEXT'") };
  }
}

function wanted(text: string | undefined, hint: string): string {
  if (text === undefined) throw new CutoverError('USAGE', 'There is nothing to write down.', { hint });
  return text;
}

function doneText(done: RankedCluster, verb: Verb): string {
  const id = safe(done.id);
  switch (verb) {
    case 'accept':
      return `Cluster ${id} is accepted until ${moment(done.until ?? 0)}: its differences ${done.counts === true ? 'count as matches' : 'are ignored and count for nothing'}. A new epoch begins.`;
    case 'fix':
      return `Cluster ${id} is fixed. If it is seen again in another version, it says so.`;
    case 'reopen':
      return `Cluster ${id} is open.`;
    case 'own':
      return done.owner === undefined
        ? `Nobody looks after cluster ${id}.`
        : `${safe(done.owner)} looks after cluster ${id}.`;
    case 'note':
      return done.note === undefined ? `The note of cluster ${id} is gone.` : `Noted at cluster ${id}.`;
  }
}

function printCluster(found: RankedCluster): void {
  const { difference, endpoints, marked, owner, note, until, alike, opens, blocks } = found;
  print(`${colour.bold(`${safe(found.pathPattern)}`)}  ${found.kind}  ${safe(found.transition)}`);
  print(colour.dim(`cluster ${safe(found.id)}, rank ${found.rank}, ${stateText(found)}`));
  print(`  control   ${colour.red(safe(difference.control ?? 'absent'))}`);
  print(`  candidate ${colour.green(safe(difference.candidate ?? 'absent'))}`);
  print(
    `${count(found.count)} mismatches of ${count(found.tenants)} ${found.tenants === 1 ? 'tenant' : 'tenants'}; first in ${safe(found.firstVersion)} (${moment(found.firstSeen)}), last in ${safe(found.lastVersion)} (${moment(found.lastSeen)})`,
  );
  for (const place of endpoints) print(`  ${count(place.count).padStart(7)}  ${safe(place.endpoint)}`);
  print(`fixing it alone opens ${gainText(opens)}; it stands in the way of ${gainText(blocks)}`);
  if (marked !== undefined)
    print(
      `${found.state} by ${safe(marked.actor)} at ${moment(marked.at)}${marked.reason === '' ? '' : `: ${safe(marked.reason)}`}`,
    );
  if (until !== undefined)
    print(
      `accepted until ${moment(until)}${found.counts === true ? ', counts as a match' : ''}, at ${(found.acceptedAt ?? []).map(safe).join(', ')}`,
    );
  if (owner !== undefined) print(`owner ${safe(owner)}`);
  if (note !== undefined) print(`note  ${safe(note)}`);
  if (alike.length > 0) print(colour.dim(`looks alike elsewhere: ${alike.map(safe).join(', ')}`));
  print(
    colour.dim(
      `an example: cutover show ${safe(found.example)}; reproduce it here: cutover repro ${safe(found.example)}`,
    ),
  );
}

function gainText({ cells, share }: { readonly cells: number; readonly share: number }): string {
  return `${count(cells)} ${cells === 1 ? 'cell' : 'cells'} (${percent(share)} of traffic)`;
}

function parseVerb(text: string): string {
  if ((VERBS as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`Say one of ${VERBS.join(', ')}.`);
}

/** A date, whose end (UTC) is meant; a time with zone; or a duration from now. Milliseconds since the epoch. */
function parseUntil(text: string): number {
  const trimmed = text.trim();
  if (/^\d{4}-\d{2}-\d{2}$/.test(trimmed)) {
    const day = Date.parse(`${trimmed}T00:00:00Z`);
    if (!Number.isNaN(day)) return day + 86_400_000;
  } else if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(trimmed) && !Number.isNaN(Date.parse(trimmed))) {
    return Date.parse(trimmed);
  } else if (/^\d/.test(trimmed) && !trimmed.includes('-')) {
    return Date.now() + parseDuration(trimmed);
  }
  throw new InvalidArgumentError('Give a date (2027-01-31), a time with its zone, or a time from now (30d).');
}
