import { about } from '../core/arrival-pace.ts';
import { isOpen } from '../core/cell.ts';
import {
  type ClassClock,
  type ClassCount,
  type ClassLack,
  type ClassOrder,
  classClock,
  classLack,
  PROTECTED,
} from '../core/class-order.ts';
import type { Log } from '../core/ports.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import type { RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';

/** Cells looked at in one round; a million takes 50 of them. */
const CELLS_A_ROUND = 20_000;

/** What an order of classes is asked with. */
interface ClassLook {
  readonly rules: MovementRules;
  readonly facts: RoundFacts;
}

/** How one class stands at an endpoint. */
interface Standing {
  readonly name: string;
  readonly clock: ClassClock | undefined;
  /** undefined: it stands. */
  readonly lack: ClassLack | undefined;
}

/** Cells of each class at an endpoint: open, or asked for within the time after which evidence is stale. */
function countClasses(home: EndpointTrack, order: ClassOrder, { rules, facts }: ClassLook): ClassCount[] {
  const counts = order.classes.map(() => ({ cells: 0, open: 0, served: 0 }));
  for (const track of home.cells.values()) {
    const count = counts[order.rankOf(track.cell.tenant)];
    if (count === undefined) continue;
    const open = isOpen(track.record.state);
    const lastAt = Math.max(track.servedAt, track.evidence?.lastAt ?? 0);
    if (!open && (lastAt === 0 || facts.now - lastAt > rules.own.staleAfterMs)) continue;
    count.cells += 1;
    if (!open) continue;
    count.open += 1;
    if (facts.dialOf(track.cell) > 0) count.served += 1;
  }
  return counts;
}

/** How each class of an endpoint stands, first class first. */
function look(home: EndpointTrack, order: ClassOrder, { rules, facts }: ClassLook): readonly Standing[] {
  const counts = countClasses(home, order, { rules, facts });
  return order.classes.map((wanted, rank) => {
    const count = counts[rank] ?? { cells: 0, open: 0, served: 0 };
    const clock = classClock(home.classes.get(wanted.name), count, wanted, facts.now);
    return { name: wanted.name, clock, lack: classLack(clock, count, wanted, facts.now) };
  });
}

/**
 * What stands before a cell in the order of classes, as a sentence; undefined: nothing does, or there is no order.
 * `looked` keeps what one round has seen of each endpoint.
 */
export function waitsForClass(
  track: CellTrack,
  at: ClassLook & { readonly book: Pick<MovementBook, 'watchedSince'> },
  looked: Map<EndpointTrack, readonly Standing[]> = new Map(),
): string | undefined {
  const { book, facts, rules } = at;
  const { order } = rules;
  const rank = order?.rankOf(track.cell.tenant) ?? 0;
  if (order === undefined || rank === 0) return undefined;
  // After a restart nobody seems to ask for anything. Who had traffic must be known before it can be said that nobody waits.
  const blindMs = book.watchedSince + rules.own.staleAfterMs - facts.now;
  if (book.watchedSince > 0 && blindMs > 0) return `who has traffic must be known first (${about(blindMs)})`;
  const standing = looked.get(track.home) ?? look(track.home, order, at);
  looked.set(track.home, standing);
  const lack = standing.slice(0, rank).find((one) => one.lack !== undefined)?.lack;
  return lack && lackText(lack, order.classes[rank]?.name === PROTECTED);
}

function lackText(lack: ClassLack, isProtected: boolean): string {
  const before = isProtected ? 'it is protected: ' : '';
  if (lack.kind === 'time') return `${before}class ${lack.name} must stand first (${about(lack.ms)} more)`;
  const { count, needed, name } = lack;
  const served = count.served < count.open ? `, ${count.served} with a dial above 0` : '';
  return `${before}class ${name} comes first: of ${count.cells} cells with traffic ${needed} must be open, ${count.open} are${served}`;
}

/** Looks at all endpoints again and again, so that a class's time runs although nobody of the next one asks. */
export class ClassWatch {
  #left: EndpointTrack[] = [];
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Looks on; what waited for a class that stands by now is looked at in the next round. */
  follow(at: ClassLook & { readonly book: MovementBook }): void {
    const { book } = at;
    const { order } = at.rules;
    if (order === undefined) {
      this.#left = [];
      return;
    }
    if (this.#left.length === 0) this.#left = [...book.endpoints.values()];
    let cells = 0;
    while (cells < CELLS_A_ROUND) {
      const home = this.#left.pop();
      if (home === undefined) return;
      cells += home.cells.size + 1;
      if (book.endpoints.get(home.id) !== home) continue;
      if (this.#note(home, look(home, order, at), book)) book.unblock();
    }
  }

  /** Keeps since when the classes of an endpoint stand. Gives whether one more does. */
  #note(home: EndpointTrack, standing: readonly Standing[], book: MovementBook): boolean {
    for (const { name, clock } of standing) {
      if (clock === home.classes.get(name)) continue;
      if (clock === undefined) home.classes.delete(name);
      else home.classes.set(name, clock);
      book.unsaved.add(home);
    }
    const first = standing.findIndex(({ lack }) => lack !== undefined);
    const done = first === -1 ? standing.length : first;
    const isFurther = done > home.classesDone;
    home.classesDone = done;
    if (isFurther) this.#log.info('class.stands', { endpoint: home.id, class: standing[done - 1]?.name });
    return isFurther;
  }
}
