import type { EndpointId } from '../core/cell.ts';
import type { CellTrack, EndpointTrack, MovementBook } from './movement-book.ts';
import { documentsOf, type MovementDocument } from './movement-documents.ts';
import type { MovementOrders } from './movement-orders.ts';
import type { MovementRules } from './movement-rules.ts';

export interface OutboxOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly orders: Pick<MovementOrders, 'unsynced' | 'opening'>;
  /** The epoch as a document: saved with everything else. */
  readonly epoch: () => MovementDocument;
}

/** What the book has that is not saved yet: changed documents, and those to be deleted. */
export class DocumentOutbox {
  readonly #options: OutboxOptions;
  /** Keys of documents to be deleted, with the cell where it is one; no more than the book ever held. */
  readonly #gone = new Map<string, CellTrack | undefined>();
  #goneTaken: [key: string, track: CellTrack | undefined][] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** An endpoint is known no longer. */
  endpointGone(id: EndpointId): void {
    this.#gone.set(`endpoint ${id}`, undefined);
  }

  cellGone(track: CellTrack): void {
    this.#gone.set(`cell ${track.key}`, track);
  }

  /** Changes since the last time, to be saved; at most `max`. Give them back if that fails. */
  take(max: number): MovementDocument[] {
    const { book, orders, epoch } = this.#options;
    const taken: (CellTrack | EndpointTrack)[] = [];
    for (const track of book.unsaved) {
      if (taken.length >= max) break;
      // Its proof is being saved; what the book still says of it would be written over that.
      if (!('home' in track && orders.opening.has(track))) taken.push(track);
    }
    for (const track of taken) book.unsaved.delete(track);
    return [
      epoch(),
      ...this.#takeGone(max),
      ...documentsOf(taken.map((track) => ('home' in track ? { track, record: track.record } : { home: track }))),
    ];
  }

  /** Documents to be deleted: without a value. One that is still to be told to the table goes when that is done. */
  #takeGone(max: number): MovementDocument[] {
    const { book, orders } = this.#options;
    this.#goneTaken = [...this.#gone].filter(([, track]) => track === undefined || !orders.unsynced.has(track));
    this.#goneTaken = this.#goneTaken.slice(0, max);
    for (const [key] of this.#goneTaken) this.#gone.delete(key);
    const isBack = (key: string, track: CellTrack | undefined): boolean =>
      book.endpoints.has(track?.cell.endpoint ?? (key.slice('endpoint '.length) as EndpointId)); // made from one
    return this.#goneTaken.filter(([key, track]) => !isBack(key, track)).map(([key]) => ({ key, value: undefined }));
  }

  /** What was taken last was not saved: everything of weight is saved again. */
  giveBack(): void {
    const { book, rules } = this.#options;
    for (const [key, track] of this.#goneTaken) this.#gone.set(key, track);
    for (const home of book.endpoints.values()) book.unsaved.add(home);
    for (const track of book.tracks())
      if (track.evidence !== undefined || track.record.state !== 'observing') book.unsaved.add(track);
    if (rules.order !== undefined) book.saveServed();
  }
}
