import { type CellKey, type CellState, isOpen } from '../core/cell.ts';
import type { CellRecord } from '../core/cell-machine.ts';
import type { CellStates } from '../core/cell-states.ts';
import type { ControlState } from '../core/control-state.ts';
import type { Latch, TableData } from '../core/routing.ts';
import { CELLS, type Model, type SmallProxy, TENANTS } from './small-model.ts';

/** The cells as they are, and the cells exchanged: nothing that happens to one could not happen to the other. */
const ORDERS = [
  [0, 1],
  [1, 0],
] as const;
type Order = (typeof ORDERS)[number];

const LETTERS: Readonly<Record<CellState, string>> = {
  observing: 'o',
  open: 'O',
  renewing: 'r',
  held: 'h',
  // It opens by the same evidence: see `passes`.
  closed: 'o',
  latched: 'l',
};

/**
 * A text that two states share where the same can become of them. Left out is what nothing can come of: texts, times, which
 * of two cells or proxies it is, how high a revision is (their order counts), the number of an epoch (whether a proof is of
 * the present one counts), and, while the controller is dead, everything that it had in memory.
 */
export function keyOf(model: Model): string {
  const { left, isUp, storeWorks, isUnsaved, isRolledBack } = model;
  const head = [isUp, storeWorks, isUp && isUnsaved, isRolledBack].map(Number).join('');
  const spent = Object.values(left).filter(Number.isFinite).join();
  const [body] = ORDERS.map((order) => bodyOf(model, order)).toSorted();
  return `${head} ${spent} ${body}`;
}

function bodyOf(model: Model, order: Order): string {
  const { lasting, state, pending, records, ramp, highest, isUp } = model;
  const rank = ranks(model);
  const parts = [
    rank(lasting.revision) + controlText(lasting, order),
    order.map((cell) => (isOpenSomewhere(model, cell) ? proofText(model.saved[cell], model) : '-')).join(''),
    ...model.proxies.map((proxy) => proxyText(proxy, { model, rank, order })).toSorted(),
  ];
  if (!isUp) return parts.join(' ');
  parts.push(rank(state.revision) + controlText(state, order));
  parts.push(order.map((cell) => recordText(records[cell], model)).join(''));
  // Of steps with the same dial the last does nothing more.
  parts.push(String(ramp.dialPpm));
  if (pending !== undefined) {
    const { next, isLasting, isLifting } = pending;
    const isHighest = next.revision === highest;
    parts.push(`${rank(next.revision)}${isHighest ? '=' : '<'}${isLifting ? '^' : ''}`);
    parts.push(isLasting ? 'lasting' : controlText(next, order));
  }
  return parts.join(' ');
}

/** Revisions by their order. */
function ranks(model: Model): (revision: number) => string {
  const { isUp, state, lasting, pending, proxies } = model;
  const all = [lasting.revision];
  for (const proxy of proxies) if (isRead(proxy, model)) all.push(proxy.table?.revision ?? -1);
  if (isUp) all.push(state.revision);
  if (isUp && pending !== undefined) all.push(pending.next.revision);
  const sorted = [...new Set(all)].toSorted((one, other) => one - other);
  return (revision) => String(sorted.indexOf(revision));
}

/** What is saved of a cell that is open nowhere is written anew before it opens, and nobody reads it before. */
function isOpenSomewhere({ lasting, state, pending, proxies, isUp }: Model, cell: number): boolean {
  const key = CELLS[cell] as CellKey; // as many as cells
  const is = ({ cells }: { readonly cells: CellStates }): boolean => isOpen(cells.get(key));
  if (is(lasting) || proxies.some(({ table, isCut }) => !isCut && table !== undefined && is(table))) return true;
  return isUp && (is(state) || (pending !== undefined && is(pending.next)));
}

/**
 * What a proxy has that is cut off is replaced before anybody asks it. Only the latches of the newest table, as long as it is
 * newer than the store, are read again: by the next start.
 */
function isRead({ isCut, table }: SmallProxy, { proxies, lasting }: Model): boolean {
  const revision = table?.revision ?? -1;
  return !isCut || (revision > lasting.revision && proxies.every((other) => revision >= (other.table?.revision ?? -1)));
}

function recordText(record: CellRecord | undefined, model: Model): string {
  if (record === undefined) return '';
  return isOpen(record.state) ? LETTERS[record.state] + proofText(record, model) : LETTERS[record.state];
}

function proofText(record: CellRecord | undefined, { epoch }: Model): string {
  const version = record?.proof?.epoch.candidateVersion;
  if (version === undefined) return '-';
  return version === `v${epoch}` ? 'p' : 'q';
}

interface Writing {
  readonly model: Model;
  readonly order: Order;
  rank(revision: number): string;
}

function proxyText(proxy: SmallProxy, { model, rank, order }: Writing): string {
  const { table, isCut } = proxy;
  if (!isRead(proxy, model)) return '!';
  if (isCut) return `!${rank(table?.revision ?? -1)}${table === undefined ? '' : latchText(tableText(table, order))}`;
  return rank(table?.revision ?? -1) + (table === undefined ? '' : tableText(table, order));
}

/** Of the text of a table what it says of latches. */
function latchText(text: string): string {
  return text.slice(CELLS.length, text.indexOf('@'));
}

/** Who serves by a table; texts are kept with the objects, which never change. */
const tables = new WeakMap<object, readonly string[]>();

function controlText(state: ControlState, order: Order): string {
  return known(state, order, () => contentText(state, state.latches.values()));
}

function tableText(table: TableData, order: Order): string {
  return known(table, order, () => contentText(table, table.latches));
}

function known(made: object, order: Order, make: () => readonly string[]): string {
  const texts = tables.get(made) ?? make();
  tables.set(made, texts);
  return texts[ORDERS.indexOf(order)] ?? '';
}

/** In either order: which cells are open, which are latched, the dial. */
function contentText(
  { cells, dials }: { readonly cells: CellStates; readonly dials: ControlState['dials'] | TableData['dials'] },
  latches: Iterable<Latch>,
): readonly string[] {
  const places = [...latches].map(({ scope }) => (scope.tenant === undefined ? -1 : TENANTS.indexOf(scope.tenant)));
  const bits = (order: Order, is: (cell: number) => boolean): string => order.map((cell) => Number(is(cell))).join('');
  const everything = places.includes(-1) ? '!' : '';
  const dial = [...dials.values()].map(({ dialPpm }) => dialPpm / 10_000).join(',');
  return ORDERS.map((order) => {
    const open = bits(order, (cell) => isOpen(cells.get(CELLS[cell] as CellKey))); // as many as cells
    return `${open}${bits(order, (cell) => places.includes(cell))}${everything}@${dial}`;
  });
}
