import { CutoverError } from '../core/errors.ts';
import type { Clock, NewJournalEntry, Store } from '../core/ports.ts';
import { createMemoryStore } from '../store/memory-store.ts';

/** How a store behaves: `silent` answers nothing until it works again, and then does what it was asked. */
export type StoreState = 'works' | 'fails' | 'silent';

type Change = Parameters<Store['commit']>[0];
type Documents = Parameters<Store['saveDocuments']>[1];

/** What is told of everything that has become lasting. */
export interface StoreWitness {
  committed(entry: NewJournalEntry): void;
}

interface Asked {
  readonly run: () => void;
  readonly owner: StoreDoor;
}

/** The store in memory, with the faults of a real one: slow, failing, silent, and asked by processes that die. */
export class FaultyStore {
  readonly inner: Store = createMemoryStore();
  /** What is on disk of the control state, by key. */
  readonly items: Map<string, unknown> = new Map();
  /** What is on disk of the kind `movement`, by key. */
  readonly movement: Map<string, unknown> = new Map();
  readonly #clock: Clock;
  readonly #latencyMs: number;
  readonly #witness: StoreWitness;
  #state: StoreState = 'works';
  /** What was asked and is not done yet, in order. */
  #asked: Asked[] = [];

  constructor(options: { readonly clock: Clock; readonly latencyMs: number; readonly witness: StoreWitness }) {
    this.#clock = options.clock;
    this.#latencyMs = options.latencyMs;
    this.#witness = options.witness;
  }

  get state(): StoreState {
    return this.#state;
  }

  set(state: StoreState): void {
    this.#state = state;
    if (state !== 'works') return;
    const waiting = this.#asked;
    this.#asked = [];
    for (const { run } of waiting) run();
  }

  /** The store as one process sees it. */
  door(): StoreDoor {
    return new StoreDoor(this);
  }

  /**
   * What a process that died had asked and the store had not done yet: the first `kept` of it are done, the rest never
   * reached the store.
   */
  abandon(owner: StoreDoor, kept: (waiting: number) => number): void {
    const mine = this.#asked.filter((asked) => asked.owner === owner);
    this.#asked = this.#asked.filter((asked) => asked.owner !== owner);
    for (const { run } of mine.slice(0, kept(mine.length))) run();
  }

  /** Does something when its time has come, in the order in which things were asked. */
  ask<T>(owner: StoreDoor, work: () => Promise<T>): Promise<T> {
    if (this.#state === 'fails') return Promise.reject(new CutoverError('STORE_FULL', 'There is no space left.'));
    if (this.#state === 'works' && this.#latencyMs === 0) return work();
    return new Promise<T>((resolve, reject) => {
      const asked: Asked = { owner, run: () => void work().then(resolve, reject) };
      this.#asked.push(asked);
      if (this.#state === 'silent') return;
      this.#clock.after(this.#latencyMs, () => {
        if (!this.#asked.includes(asked) || this.#state === 'silent') return;
        this.#asked = this.#asked.filter((other) => other !== asked);
        if (this.#state === 'works') asked.run();
        else reject(new CutoverError('STORE_FULL', 'There is no space left.'));
      });
    });
  }

  commit(change: Change): ReturnType<Store['commit']> {
    const written = this.inner.commit(change);
    for (const { key, value } of change.state) {
      if (value === undefined) this.items.delete(key);
      else this.items.set(key, value);
    }
    for (const entry of change.journal) this.#witness.committed(entry);
    return written;
  }

  /** Documents of the mover are values that nobody changes: they need no copy until they are read. */
  save(kind: string, documents: Documents): Promise<void> {
    if (kind !== 'movement') return this.inner.saveDocuments(kind, documents);
    for (const { key, value } of documents) {
      if (value === undefined) this.movement.delete(key);
      else this.movement.set(key, value);
    }
    return Promise.resolve();
  }

  load(kind: string): ReturnType<Store['loadDocuments']> {
    if (kind !== 'movement') return this.inner.loadDocuments(kind);
    // Through JSON, as on disk.
    const text = JSON.stringify([...this.movement]);
    return Promise.resolve(new Map(JSON.parse(text) as [string, unknown][])); // what was just written
  }
}

/** A process's way to the store. After its death it gets no answers. */
export class StoreDoor {
  readonly store: Store;
  readonly #owner: FaultyStore;
  #isDead = false;

  constructor(owner: FaultyStore) {
    this.#owner = owner;
    const { inner } = owner;
    const ask = <T>(work: () => Promise<T>): Promise<T> => this.#ask(work);
    this.store = {
      ...inner,
      commit: (change) => ask(() => owner.commit(change)),
      loadState: () => ask(() => inner.loadState()),
      // What was counted is asked for by nobody here; that the store takes it is all that matters.
      addVerified: () => ask(() => Promise.resolve()),
      saveDocuments: (kind, documents) => ask(() => owner.save(kind, documents)),
      loadDocuments: (kind) => ask(() => owner.load(kind)),
      prune: () => ask(() => Promise.resolve({ mismatches: 0, clusters: 0 })),
      size: () => ask(() => Promise.resolve(0)),
    };
  }

  #ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isDead) return new Promise(() => {});
    return this.#owner.ask(this, work).then(
      (value) => (this.#isDead ? new Promise<T>(() => {}) : value),
      (error: unknown) => (this.#isDead ? new Promise<T>(() => {}) : Promise.reject(error)),
    );
  }

  /** The process dies: of what is under way the store has done the first `kept`, of how many wait. */
  die(kept: (waiting: number) => number): void {
    this.#isDead = true;
    this.#owner.abandon(this, kept);
  }
}
