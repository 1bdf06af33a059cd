import type { JournalView } from '../api/types.ts';

/** A cell that changed its state. */
export interface CellChange {
  readonly tenant: string;
  readonly endpoint: string;
  /** Undefined where the entry holds too many cells to tell. */
  readonly before: string | undefined;
  readonly after: string;
  /** The candidate version a proof was made under. */
  readonly provenUnder: string | undefined;
}

/** A dial that was turned; parts per million. */
export interface DialChange {
  readonly scope: string;
  readonly before: number;
  readonly after: number;
}

/** What one journal entry says about who serves. */
export interface Movement {
  readonly at: number;
  readonly actor: string;
  readonly reason: string;
  readonly cells: readonly CellChange[];
  readonly dials: readonly DialChange[];
  /** A latch fell. */
  readonly isLatch: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an entry; those that move nothing give no cells and no dials. */
export function movementOf(entry: JournalView): Movement {
  const evidence = fieldsOf(entry.evidence);
  return {
    at: entry.at,
    actor: entry.actor,
    reason: entry.reason,
    cells: cellsOf(entry, evidence),
    dials: dialsOf(entry, evidence),
    isLatch: entry.action === 'rollback',
  };
}

function cellsOf(entry: JournalView, evidence: Fields): CellChange[] {
  const proofs = fieldsOf(evidence['proofs']);
  const change = (key: string, before: unknown, after: unknown): CellChange[] => {
    const space = key.indexOf(' ');
    if (space < 0 || typeof after !== 'string') return [];
    const version = fieldsOf(fieldsOf(proofs[key])['epoch'])['candidateVersion'];
    return [
      {
        tenant: key.slice(0, space),
        endpoint: key.slice(space + 1),
        before: typeof before === 'string' ? before : undefined,
        after,
        provenUnder: typeof version === 'string' ? version : undefined,
      },
    ];
  };
  // A single cell is named by the scope of its entry.
  if (entry.action.startsWith('cell.')) return change(entry.scope, evidence['before'], evidence['after']);
  if (entry.action !== 'cells.set') return [];
  const listed = listOf(evidence['cells']).map(fieldsOf);
  const named = new Set(listed.map((one) => one['cell']));
  return [
    ...listed.flatMap((one) => change(String(one['cell']), one['before'], one['after'])),
    // The list is cut at 100 cells; the proofs of a promotion are all there.
    ...Object.keys(proofs).flatMap((key) => (named.has(key) ? [] : change(key, undefined, 'open'))),
  ];
}

function dialsOf(entry: JournalView, evidence: Fields): DialChange[] {
  const several = listOf(evidence['dials']).map(fieldsOf);
  const alone = entry.action === 'dial.set' && several.length === 0 ? [{ ...evidence, scope: entry.scope }] : [];
  return [...several, ...alone].flatMap((dial) => {
    const { scope, before, after } = dial as Fields; // looked at below
    if (typeof scope !== 'string' || typeof after !== 'number') return [];
    return [{ scope, before: typeof before === 'number' ? before : 0, after }];
  });
}

function fieldsOf(value: unknown): Fields {
  return value !== null && typeof value === 'object' ? (value as Fields) : {}; // its members stay unknown
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

const isServing = (state: string | undefined): boolean => state === 'open' || state === 'renewing';

/** Whether it gave the candidate more: cells that were not its own opened, or a dial went up. */
export function isPromotion({ cells, dials }: Movement): boolean {
  return cells.some(isOpened) || dials.some(({ before, after }) => after > before);
}

/** Whether it took cells or a part of a dial away from the candidate. */
export function isRetreat({ cells, dials, isLatch }: Movement): boolean {
  return (
    isLatch ||
    cells.some(({ before, after }) => isServing(before) && !isServing(after)) ||
    dials.some(({ before, after }) => after < before)
  );
}

/** A cell that came to the candidate; one whose proof was renewed was there before. */
export function isOpened({ before, after }: CellChange): boolean {
  return after === 'open' && !isServing(before);
}

/** Whether it was no round of the controller but something that does not wait for one. */
export function isUrgent({ actor, isLatch }: Movement): boolean {
  return isLatch || actor.startsWith('tripwire:');
}

const PERCENT = new Intl.NumberFormat('en', { style: 'percent', maximumFractionDigits: 1 });
const percent = (ppm: number): string => PERCENT.format(ppm / 1_000_000);

/** Cells of an endpoint that open one by one are told together, as soon as they are so many. */
const CELLS_A_LINE = 5;

/** Movements as lines for people; what concerns nobody's service is left out. */
export class MovementNews {
  /** Cells that opened and were not told yet, by endpoint. */
  readonly #opened = new Map<string, number>();

  /** What is worth a line of what is new. */
  lines(movements: readonly Movement[]): string[] {
    const back: string[] = [];
    const raised: string[] = [];
    for (const movement of movements) {
      for (const { endpoint } of movement.cells.filter(isOpened))
        this.#opened.set(endpoint, (this.#opened.get(endpoint) ?? 0) + 1);
      for (const { scope, before, after } of movement.dials)
        if (after > before) raised.push(`${scope}: the dial goes from ${percent(before)} to ${percent(after)}`);
      if (isRetreat(movement)) back.push(retreatLine(movement));
    }
    return [...this.#openedLines(), ...raised, ...back];
  }

  #openedLines(): string[] {
    const due = [...this.#opened].filter(([, count]) => count >= CELLS_A_LINE);
    for (const [endpoint] of due) this.#opened.delete(endpoint);
    return due.map(([endpoint, count]) => `${endpoint}: ${count} cells opened`);
  }
}

function retreatLine({ cells, dials, actor, reason }: Movement): string {
  const closed = cells.filter(({ before, after }) => isServing(before) && !isServing(after));
  const where = [...new Set([...closed.map(({ endpoint }) => endpoint), ...dials.map(({ scope }) => scope)])];
  const count = closed.length === 0 ? '' : `, ${closed.length} ${closed.length === 1 ? 'cell' : 'cells'}`;
  return `${where.slice(0, 3).join(', ') || 'everything'}: taken back by ${actor}${count}: ${reason}`;
}
