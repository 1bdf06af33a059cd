import { CELL_STATES, isOpen } from './cell.ts';
import type { Cluster, JournalEntry } from './ports.ts';

/** What people can be told of. */
export const NOTICE_KINDS = [
  'rollback',
  'tripwire',
  'closed',
  'opened',
  'step',
  'hold',
  'gate',
  'retired',
  'pin',
  'deploy',
  'cluster',
  'returned',
  'parity',
  'store',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** Told to a target that does not say otherwise: what takes traffic back, moves it, or wants a person. */
export const USUAL_KINDS: readonly NoticeKind[] = [
  'rollback',
  'tripwire',
  'closed',
  'step',
  'hold',
  'gate',
  'retired',
  'returned',
  'parity',
  'store',
];

/** Something that people are told: one sentence as title, the rest as text. Holds names and numbers, no values of answers. */
export interface Notice {
  /** `more` sums up what the bound on the rate kept back; `test` was asked for. */
  readonly kind: NoticeKind | 'more' | 'test';
  /** When it happened, milliseconds since the epoch. */
  readonly at: number;
  /** At most 200 characters. */
  readonly title: string;
  /** At most 2,000 characters; may be empty. */
  readonly text: string;
  readonly scope: string;
  readonly actor: string;
  readonly reason: string;
  readonly evidence?: unknown;
  /** Of the table that the change made; absent for what changes none. */
  readonly revision?: number;
  /** How many cells or clusters it tells of. */
  readonly count: number;
  /** What it tells of, by name; at most 10. */
  readonly names: readonly string[];
}

const MAX_TITLE = 200;
const MAX_TEXT = 2_000;
const MAX_SCOPE = 500;
export const MAX_NAMES_TOLD = 10;

/** Controls, and characters that reorder text or cannot be seen (Unicode Standard Annex 9): a tenant chooses its own name. */
const HIDING = /[\p{Cc}\p{Cf}\u2028\u2029]+/gu;

/** Text from elsewhere on one line, without what could hide something, cut to `max` characters. */
export function plainText(text: string, max: number): string {
  const clean = text
    .slice(0, max * 2)
    .replace(HIDING, ' ')
    .trim();
  return clean.length <= max ? clean : `${clean.slice(0, max - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** A notice with its texts within their bounds. */
export function makeNotice(given: Pick<Notice, 'kind' | 'at' | 'title'> & Partial<Notice>): Notice {
  const { text = '', scope = 'all', actor = 'controller', reason = '', count = 1, names = [] } = given;
  return {
    ...given,
    title: plainText(given.title, MAX_TITLE),
    text: plainText(text, MAX_TEXT),
    scope: plainText(scope, MAX_SCOPE),
    actor: plainText(actor, MAX_TITLE),
    reason: plainText(reason, MAX_TEXT),
    count,
    names: names.slice(0, MAX_NAMES_TOLD).map((name) => plainText(name, MAX_TITLE)),
  };
}

/**
 * What an entry of the journal tells; most tell one thing, many nothing.
 * A rollback is told by `rollbackNotice` when it takes effect, which is before it is in the journal.
 */
export function noticesOf(entry: JournalEntry): readonly Notice[] {
  if (entry.actor.startsWith('tripwire:') && entry.action !== 'rollback') return [tripwireNotice(entry)];
  switch (entry.action) {
    case 'dial.set':
      return [stepNotice(entry)];
    case 'unlatch':
      return [orderNotice(entry, 'rollback', `Rollback lifted: ${entry.scope}`)];
    case 'hold':
      return [orderNotice(entry, 'hold', `Held: ${entry.scope}`)];
    case 'resume':
      return [orderNotice(entry, 'hold', `Goes on: ${entry.scope}`)];
    case 'pin.set':
      return [orderNotice(entry, 'pin', `Pinned: ${entry.scope}`)];
    case 'pin.ended':
      return [orderNotice(entry, 'pin', `Pin ended: ${entry.scope}`)];
    case 'freeze':
      return [orderNotice(entry, 'hold', 'Frozen: nothing is raised or opened')];
    case 'unfreeze':
      return [orderNotice(entry, 'hold', 'No longer frozen')];
    case 'pin.lifted':
      return [orderNotice(entry, 'pin', `Pin lifted: ${entry.scope}`)];
    case 'gate.waiting':
    case 'gate.approved':
    case 'gate.rejected':
      return [gateNotice(entry)];
    case 'endpoint.retired':
      return [orderNotice(entry, 'retired', `Retired: ${entry.scope}`)];
    case 'endpoint.unretired':
      return [orderNotice(entry, 'retired', `No longer retired: ${entry.scope}`)];
    case 'canary.began':
    case 'canary.passed':
    case 'canary.failed':
      return [canaryNotice(entry)];
    case 'deployed': {
      const { after } = fieldsOf(entry.evidence);
      return [orderNotice(entry, 'deploy', `The ${entry.scope} runs ${String(after)}`)];
    }
    case 'cluster.returned':
      return [orderNotice(entry, 'returned', `A fixed difference is back: ${entry.scope}`)];
    default:
      return entry.action === 'cells.set' || entry.action.startsWith('cell.') ? cellNotices(entry) : [];
  }
}

/** A failed canary takes traffic back, which is what a tripwire does. */
function canaryNotice(entry: JournalEntry): Notice {
  const { before, after } = fieldsOf(entry.evidence);
  const { version } = fieldsOf(after ?? before);
  const word = entry.action.slice('canary.'.length);
  return orderNotice(entry, word === 'failed' ? 'tripwire' : 'step', `Canary of ${String(version)} ${word}`);
}

/** A rollback that is in force. */
export function rollbackNotice(
  rollback: { readonly scope: string; readonly actor: string; readonly reason: string; readonly revision: number },
  at: number,
): Notice {
  const { scope, actor, reason, revision } = rollback;
  const isTripwire = actor.startsWith('tripwire:');
  const title = scope === 'all' ? 'Rolled back: everything is served by the control' : `Rolled back: ${scope}`;
  const text = `${byWhom(actor, reason)} It holds until somebody lifts it: cutover unlatch.`;
  return makeNotice({ kind: isTripwire ? 'tripwire' : 'rollback', at, title, text, scope, actor, reason, revision });
}

/** A cluster that was not seen before. */
export function clusterNotice(
  cluster: Pick<Cluster, 'id' | 'endpoint' | 'pathPattern' | 'kind' | 'firstVersion'>,
  at: number,
): Notice {
  const { id, endpoint, pathPattern, kind, firstVersion } = cluster;
  const name = `${pathPattern === '' ? 'the whole answer' : pathPattern} (${kind}) at ${endpoint}`;
  return makeNotice({
    kind: 'cluster',
    at,
    title: `New difference: ${name}`,
    text: `First seen in candidate ${firstVersion}. See it: cutover cluster ${id}`,
    scope: endpoint,
    evidence: { cluster: id, path: pathPattern, kind, firstVersion },
    names: [name],
  });
}

/** The store takes nothing, or works again. */
export function storeNotice(works: boolean, doing: string, at: number): Notice {
  return makeNotice(
    works
      ? { kind: 'store', at, title: 'The store works again', text: 'Comparing and promoting go on.' }
      : {
          kind: 'store',
          at,
          title: 'The store takes nothing',
          text: 'Serving goes on and a rollback works; nothing is promoted, and comparing has stopped but for what the candidate serves. cutover status says more.',
          reason: doing,
        },
  );
}

export function testNotice(target: string, actor: string, at: number): Notice {
  const text = 'Asked for with cutover notify test. Nothing has happened.';
  return makeNotice({ kind: 'test', at, title: `Test of the notices to ${target}`, text, actor });
}

function orderNotice(entry: JournalEntry, kind: NoticeKind, title: string): Notice {
  return makeNotice({ ...entryFields(entry), kind, title, text: byWhom(entry.actor, entry.reason) });
}

/** A gate that waits names the command that opens it; one that was approved says how many are missing. */
function gateNotice(entry: JournalEntry): Notice {
  const { gate, given, needed } = fieldsOf(entry.evidence);
  const name = String(gate);
  if (entry.action === 'gate.waiting') {
    const text = `It takes ${needed === 1 ? 'one approval' : `${String(needed)} approvals`}: cutover approve '${entry.scope}'`;
    return makeNotice({ ...entryFields(entry), kind: 'gate', title: `Gate ${name} waits: ${entry.scope}`, text });
  }
  if (entry.action === 'gate.rejected') return orderNotice(entry, 'gate', `Gate ${name} rejected: ${entry.scope}`);
  const isOpen = typeof given === 'number' && typeof needed === 'number' && given >= needed;
  const title = `Gate ${name} ${isOpen ? 'open' : `approved (${String(given)} of ${String(needed)})`}: ${entry.scope}`;
  return orderNotice(entry, 'gate', title);
}

function entryFields({ at, scope, actor, reason, evidence, revision }: JournalEntry) {
  return { at, scope, actor, reason, revision, ...(evidence === undefined ? {} : { evidence }) };
}

/** `By cli:ann: wrong totals.` */
function byWhom(actor: string, reason: string): string {
  const why = reason.trim().replace(/[.\s]+$/, '');
  return why === '' ? `By ${actor}, without a reason.` : `By ${actor}: ${why}.`;
}

function tripwireNotice(entry: JournalEntry): Notice {
  const name = entry.actor.slice('tripwire:'.length);
  const { count } = fieldsOf(entry.evidence);
  const cells = typeof count === 'number' ? count : entry.action.startsWith('cell.') ? 1 : 0;
  const dials = dialsIn(entry).map(dialText);
  const back = cells === 0 ? '' : ` ${cells === 1 ? 'A cell is' : `${cells} cells are`} served by the control again.`;
  const turned = dials.length === 0 ? '' : ` Dials: ${dials.slice(0, MAX_NAMES_TOLD).join(', ')}.`;
  return makeNotice({
    ...entryFields(entry),
    kind: 'tripwire',
    title: `Tripwire ${name} went off: ${entry.scope}`,
    text: `${entry.reason.replace(/[.\s]+$/, '')}.${back}${turned}`,
    count: Math.max(1, cells),
    names: movesIn(entry).map(({ cell }) => cell),
  });
}

interface Turn {
  readonly scope: string;
  readonly before: number | null;
  readonly after: number;
}

/** A dial that was turned, by a person or by a ramp. */
function stepNotice(entry: JournalEntry): Notice {
  const turns = dialsIn(entry);
  const [first] = turns;
  const what = first === undefined ? entry.scope : dialText(first);
  const more = turns.length > 1 ? ` and ${turns.length - 1} more` : '';
  const isDown = first !== undefined && first.before !== null && first.after < first.before;
  const title = `Dial ${isDown ? 'lowered' : 'set'}: ${what}${more}`;
  const names = turns.map(dialText);
  return makeNotice({ ...entryFields(entry), kind: 'step', title, text: byWhom(entry.actor, entry.reason), names });
}

function dialsIn({ scope, evidence }: JournalEntry): Turn[] {
  const { dials, before, after } = fieldsOf(evidence);
  if (Array.isArray(dials)) return dials.flatMap((one) => turnOf(fieldsOf(one), ''));
  return turnOf({ before, after }, scope);
}

function turnOf({ scope, before, after }: Readonly<Record<string, unknown>>, otherwise: string): Turn[] {
  if (typeof after !== 'number') return [];
  const name = typeof scope === 'string' ? scope : otherwise;
  return [{ scope: name, before: typeof before === 'number' ? before : null, after }];
}

function dialText({ scope, before, after }: Turn): string {
  return before === null ? `${scope} ${percentOf(after)}` : `${scope} ${percentOf(before)} → ${percentOf(after)}`;
}

/** Parts per million: 50,000 is `5%`. */
function percentOf(ppm: number): string {
  return `${Number((ppm / 10_000).toFixed(4))}%`;
}

interface MovedCell {
  readonly cell: string;
  readonly before: string;
  readonly after: string;
}

/** The cells an entry spells out, at most 100. */
function movesIn({ scope, evidence }: JournalEntry): MovedCell[] {
  const { cells, before, after } = fieldsOf(evidence);
  const listed = Array.isArray(cells) ? cells.map(fieldsOf) : [{ cell: scope, before, after }];
  return listed.flatMap((one) =>
    typeof one['cell'] === 'string' && typeof one['after'] === 'string'
      ? [{ cell: one['cell'], before: String(one['before']), after: one['after'] }]
      : [],
  );
}

/** Cells that went to the candidate, and cells that went back. A proof that was renewed moves nobody and is not told. */
function cellNotices(entry: JournalEntry): Notice[] {
  const moves = movesIn(entry);
  const opened = moves.filter(({ before, after }) => serves(after) && !serves(before));
  const closed = moves.filter(({ before, after }) => serves(before) && !serves(after));
  return [...movedNotice(entry, 'opened', opened, moves), ...movedNotice(entry, 'closed', closed, moves)];
}

/** As `isOpen`, for a state as the journal spells it. */
function serves(text: string): boolean {
  return isOpen(CELL_STATES.find((state) => state === text));
}

function movedNotice(
  entry: JournalEntry,
  kind: 'opened' | 'closed',
  moved: readonly MovedCell[],
  all: readonly MovedCell[],
): Notice[] {
  if (moved.length === 0) return [];
  const { count } = fieldsOf(entry.evidence);
  // An entry spells out 100 cells; where all of them went one way, the others did.
  const total = moved.length === all.length && typeof count === 'number' ? count : moved.length;
  const names = moved.map(({ cell }) => cell);
  return [
    makeNotice({
      ...entryFields(entry),
      kind,
      title: countedTitle(kind, total, names),
      text: `${namesText(names, total)}${byWhom(entry.actor, entry.reason)}`,
      count: total,
      names,
    }),
  ];
}

/** Kinds of which many may come at once. */
export type GatheredKind = 'opened' | 'closed' | 'cluster';
const COUNTED: Readonly<Record<GatheredKind, { readonly one: string; readonly many: string }>> = {
  opened: { one: 'Opened', many: 'cells opened' },
  closed: { one: 'Closed', many: 'cells closed' },
  cluster: { one: 'New difference', many: 'new differences' },
};

/** `Opened: acme GET /a`, or `312 cells opened`. */
export function countedTitle(kind: GatheredKind, count: number, names: readonly string[]): string {
  return count === 1 ? `${COUNTED[kind].one}: ${names[0] ?? ''}` : `${count} ${COUNTED[kind].many}`;
}

/** `acme GET /a, globex GET /a and 12 more. `; empty for one, which the title names. */
export function namesText(names: readonly string[], count: number): string {
  if (count <= 1 || names.length === 0) return '';
  const told = names.slice(0, MAX_NAMES_TOLD);
  const more = count - told.length;
  return `${told.join(', ')}${more > 0 ? ` and ${more} more` : ''}. `;
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {}; // its members stay unknown
}
