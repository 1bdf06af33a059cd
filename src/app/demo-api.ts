import { type CellView, cell, type JournalView, journalEntry } from '../api/types.ts';
import { type Movement, movementOf } from './demo-movement.ts';

const PAGE = 200;
/** Pages of one list at most: 10,000 items are more than a demo of hours makes. */
const MAX_PAGES = 50;
const TIMEOUT_MS = 5_000;

/** The control API as the demo reads it: over HTTP, as everybody does. */
export class DemoApi {
  readonly #url: string;
  readonly #token: string;
  readonly #movements: Movement[] = [];
  #sequence = 0;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** Everything in the journal that was read until now, oldest first; at most 10,000 of the newest. */
  get movements(): readonly Movement[] {
    return this.#movements;
  }

  /** Reads what is new in the journal; gives it, oldest first. */
  async readJournal(): Promise<readonly Movement[]> {
    const fresh: JournalView[] = [];
    for await (const item of this.#list('journal')) {
      const entry = journalEntry.parse(item);
      if (entry.sequence <= this.#sequence) break;
      fresh.unshift(entry);
    }
    this.#sequence = fresh.at(-1)?.sequence ?? this.#sequence;
    const movements = fresh.map(movementOf);
    this.#movements.push(...movements);
    this.#movements.splice(0, Math.max(0, this.#movements.length - PAGE * MAX_PAGES));
    return movements;
  }

  async cells(): Promise<readonly CellView[]> {
    const cells: CellView[] = [];
    for await (const item of this.#list('cells')) cells.push(cell.parse(item));
    return cells;
  }

  async *#list(name: string): AsyncGenerator<unknown> {
    let cursor = '';
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const address = `${this.#url}/api/v1/${name}?limit=${PAGE}${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
      const response = await fetch(address, {
        headers: { authorization: `Bearer ${this.#token}` },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`${name}: ${response.status} ${(await response.text()).slice(0, 500)}`);
      const { items, next } = (await response.json()) as { items: unknown[]; next?: string }; // the form of every list
      yield* items;
      if (next === undefined) return;
      cursor = next;
    }
  }
}
