import type { EventType } from '../api/types.ts';

/** Something that a watcher of the control API is told. */
export interface ControlEvent {
  /** Absent for `status`, which is only ever worth its latest value. */
  readonly id?: string;
  readonly type: EventType;
  readonly data: unknown;
}

export type EventListener = (event: ControlEvent) => void;

/** Events that a watcher may have missed and still gets; older ones it learns by asking anew. */
const MAX_KEPT = 1_000;
/** Watchers at once: pages and `cutover watch`. */
const MAX_LISTENERS = 64;

/**
 * Hands events to whoever watches. Never waits for a watcher, and a watcher that throws is dropped.
 * Ids are `run-number`: `run` tells this process's events from those of the one before it.
 */
export class EventFeed {
  readonly #run: string;
  #number = 0;
  #kept: (ControlEvent & { readonly number: number })[] = [];
  readonly #listeners = new Set<EventListener>();

  /** @param run Different for each process: its start in base 36, for example. */
  constructor(run: string) {
    this.#run = run;
  }

  /** Tells all watchers; all but `status` are kept for those who come back. */
  publish(type: EventType, data: unknown): void {
    if (type === 'status') {
      this.#tell({ type, data });
      return;
    }
    this.#number += 1;
    const event = { id: `${this.#run}-${this.#number}`, type, data };
    this.#kept.push({ ...event, number: this.#number });
    // Cut in steps: removing the first of a thousand at each event would cost more than the event.
    if (this.#kept.length >= MAX_KEPT * 1.2) this.#kept = this.#kept.slice(-MAX_KEPT);
    this.#tell(event);
  }

  /**
   * What came after the event `id`, oldest first; undefined where that cannot be told, because the id is of another run
   * or too old: then the watcher must ask anew.
   */
  since(id: string): readonly ControlEvent[] | undefined {
    const [, run, digits] = /^([0-9a-z]{1,20})-(\d{1,15})$/.exec(id) ?? [];
    const number = Number(digits);
    if (run !== this.#run || number > this.#number) return undefined;
    const first = this.#kept[0]?.number ?? this.#number + 1;
    if (number < first - 1) return undefined;
    return this.#kept.filter((event) => event.number > number).map(({ number: _, ...event }) => event);
  }

  /** Watches from now on; gives the function that ends it, or undefined where too many watch already. */
  subscribe(listener: EventListener): (() => void) | undefined {
    if (this.#listeners.size >= MAX_LISTENERS) return undefined;
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  #tell(event: ControlEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch {
        this.#listeners.delete(listener);
      }
    }
  }
}
