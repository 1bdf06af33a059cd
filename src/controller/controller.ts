import {
  type Applied,
  applyCommand,
  type Command,
  type ControlState,
  type HeldLatch,
  type Made,
  type Rejected,
  restoreState,
  type TableBase,
  tableOf,
} from '../core/control-state.ts';
import { isCutoverError } from '../core/errors.ts';
import type { LoadedPlan } from '../core/plan/load-plan.ts';
import type { Clock, JournalEntry, NewJournalEntry, Store, Timer } from '../core/ports.ts';
import type { Latch, Scope, TableData } from '../core/routing.ts';
import { describeScope, scopeKey } from '../core/scope.ts';
import { compileTable, type RoutingTable } from '../core/table.ts';
import type { Events } from '../telemetry/events.ts';
import { EventFeed } from './event-feed.ts';

export interface ControllerOptions {
  readonly store: Pick<Store, 'commit' | 'loadState'>;
  /** What the configuration says. */
  readonly base: TableBase;
  /** The text it is made of, where it is kept. */
  readonly plan?: LoadedPlan;
  readonly clock: Clock;
  readonly events: Events;
  /** Puts a table in force; called synchronously, in order of revisions. */
  readonly onTable: (table: TableData) => void;
  /** The store has a latch of a rollback that was in force before. */
  readonly onLatchStored?: (latch: Latch) => void;
  /**
   * The table that was in force last, from the disk. Rollbacks in it that the store never got are kept: a latch stays
   * until a person lifts it, even if the process died while the store took nothing.
   */
  readonly last?: TableData;
  /** For the journal's `started` entry. */
  readonly version: string;
}

/** Who orders, and why. */
export interface Who {
  /** `cli:ann`, `dashboard`, `api`, `config`, `tripwire:candidate-failures`. */
  readonly actor: string;
  readonly reason: string;
}

export interface Changed {
  readonly ok: true;
  readonly entry: JournalEntry;
}

export interface RolledBackResult {
  readonly ok: true;
  /** Milliseconds until the proxy had the table. */
  readonly effectiveMs: number;
  /** Milliseconds until the journal had it on disk; null where that had not happened within 40 ms. */
  readonly journaledMs: number | null;
  readonly revision: number;
  readonly scope: Scope;
}

export type OrdinaryCommand = Exclude<Command, { readonly kind: 'rollback' }>;

/** Commands that may wait for the store at once; each holds a small object. */
const MAX_WAITING = 64;
/** A command that the store has not taken by then is answered; it still takes effect if the store comes back. */
const COMMAND_TIMEOUT_MS = 10_000;
/** A rollback is answered within 50 ms, whatever the store does; the rest is for the answer itself. */
const JOURNAL_WAIT_MS = 40;
/** Journal entries of rollbacks that the store has not taken. Further ones are logged and not kept; latches always are. */
const MAX_UNJOURNALED = 1_000;
const RETRY_MS = { first: 500, most: 30_000 } as const;

/**
 * Owns the control state: every change of who serves goes through here.
 *
 * A command is journaled first and takes effect then (I5); if the store fails, nothing changes (I6). Commands run one after
 * another. A rollback does not queue: it takes effect at once, on top of whatever is under way, and is journaled after;
 * while the store is gone its latch stays in force and its entry waits in memory.
 */
export class Controller {
  readonly feed: EventFeed;
  readonly #options: ControllerOptions;
  /** In force: what the store has, and the latches it has not taken yet. */
  #state: ControlState;
  /** The last state a table was made of, and that table: what did not change is not made again. */
  #made: Made | undefined;
  #table: RoutingTable | undefined;
  #started = false;
  /** Why it has not started, once it was tried. */
  #notStarted: Rejected = NOT_STARTED;
  /** Highest revision given out: a command under way has one before it is in force. */
  #revision = 0;
  readonly #unsavedLatches = new Map<string, HeldLatch>();
  #unjournaled: Unjournaled[] = [];
  #tail: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #flushQueued = false;
  #retry: Timer | undefined;
  #retryMs: number = RETRY_MS.first;
  #closed = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { last } = options;
    const latches = new Map(last?.latches.map((latch) => [scopeKey(latch.scope), latch]));
    // A rollback before the start makes a table: what the last one sends to the control stays there.
    this.#state = { ...restoreState(new Map(), options.base), latches };
    this.#revision = last?.revision ?? 0;
    this.feed = new EventFeed(options.clock.now().toString(36));
  }

  /** What is in force. */
  get state(): ControlState {
    return this.#state;
  }

  /** The table in force, compiled for look-ups; made at most once per change. */
  get table(): RoutingTable {
    this.#table ??= compileTable(this.#data);
    return this.#table;
  }

  get #data(): TableData {
    if (this.#made?.state !== this.#state) this.#made = { state: this.#state, table: tableOf(this.#state, this.#made) };
    return this.#made.table;
  }

  /** Latches in force that the store does not have yet, by `scopeKey`. */
  get unstored(): readonly string[] {
    return [...this.#unsavedLatches.keys()];
  }

  /** Rollbacks in force that are not in the journal yet. */
  get unjournaled(): number {
    return this.#unjournaled.length;
  }

  /**
   * Loads what is stored, takes the configuration over, journals both and puts the table in force. May be called again after a failure.
   * @throws CutoverError STORE_*: nothing was put in force; a rollback works all the same, and covers everything until the start succeeds.
   */
  start(): Promise<void> {
    return this.#enqueue(async () => {
      try {
        await this.#start();
      } catch (error) {
        if (isCutoverError(error)) this.#notStarted = rejectedBy(error);
        throw error;
      }
    });
  }

  async #start(): Promise<void> {
    const { store, base, plan, clock, version } = this.#options;
    const stored = restoreState(await store.loadState(), base);
    this.#keepUnstoredLatches(stored);
    this.#revision = Math.max(this.#revision, stored.revision);
    // Stored with the start itself: once the store has the higher revision, the table on the disk is no longer asked for them.
    const unstored = this.#unstored();
    const restored = { ...stored, latches: new Map([...stored.latches, ...this.#unsavedLatches]) };
    const at = clock.now();
    const by = { actor: 'config', reason: '', at };
    const command: Command = { kind: 'config.load', base, ...(plan === undefined ? {} : { plan }) };
    const applied = applyCommand({ ...restored, revision: this.#revision }, command, by);
    // Nothing in a state can refuse a configuration: `config.load` has no rejection.
    if (!applied.ok) throw new Error(applied.message);
    const { revision } = applied.state;
    this.#revision = revision;
    const started: NewJournalEntry = {
      at,
      actor: 'controller',
      action: 'started',
      scope: 'all',
      reason: '',
      evidence: { version, latches: restored.latches.size, pins: restored.pins.size, dials: restored.dials.size },
      revision,
    };
    await this.#commit('start', {
      journal: [...unstored.journal, started, applied.journal],
      state: [...unstored.state, ...applied.items],
    });
    unstored.done();
    this.#started = true;
    this.#putInForce(applied.state);
    // It has started; what waits is reported and tried again by #flush itself.
    await this.#flush().catch(() => {});
  }

  /** A table that is newer than the store was made by rollbacks which the store did not take. */
  #keepUnstoredLatches(restored: ControlState): void {
    const { last } = this.#options;
    if (last === undefined || last.revision <= restored.revision) return;
    for (const latch of last.latches) {
      const key = scopeKey(latch.scope);
      if (restored.latches.has(key) || this.#unsavedLatches.has(key)) continue;
      this.#unsavedLatches.set(key, latch);
      const { at, actor, reason } = latch;
      const entry = {
        at,
        actor,
        action: 'rollback',
        scope: describeScope(latch.scope),
        reason,
        revision: last.revision,
      };
      if (this.#unjournaled.length < MAX_UNJOURNALED)
        this.#unjournaled.push({ entry, done: () => {}, failed: () => {} });
    }
  }

  /**
   * Carries out a command: journaled, then in force.
   * Rejected with the reason where the state does not allow it, with STORE_* where it cannot be journaled, with RATE_LIMITED where
   * 64 commands wait already. Never rejects as a promise for these.
   * @param inForce Called in the very moment in which it takes effect, before the table does: what goes with it is in force together with it.
   */
  async command(command: OrdinaryCommand, who: Who, inForce?: () => void): Promise<Changed | Rejected> {
    const outcome = await this.#answered(command, who, inForce);
    if (!outcome.ok) {
      const { code, message } = outcome;
      this.#options.events.commandRejected({ kind: command.kind, actor: who.actor, code, message });
    }
    return outcome;
  }

  #answered(command: OrdinaryCommand, who: Who, inForce?: () => void): Promise<Changed | Rejected> {
    if (this.#waiting >= MAX_WAITING) return Promise.resolve(TOO_MANY);
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(COMMAND_TIMEOUT_MS, () => resolve(STORE_SILENT));
      this.#enqueue(() => this.#run(command, who, inForce))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  async #run(command: OrdinaryCommand, who: Who, inForce?: () => void): Promise<Changed | Rejected> {
    try {
      if (!this.#started) return this.#notStarted;
      // The journal keeps the order of things: rollbacks that wait go first, and if the store refuses them, it refuses this.
      await this.#flush();
      const applied = this.#apply(command, who);
      if (!applied.ok) return applied;
      const [entry] = await this.#commit(command.kind, { journal: [applied.journal], state: applied.items }).catch(
        (error: unknown) => {
          // Nothing was made of this revision; the next change may have it, unless a rollback came after it.
          if (this.#revision === applied.state.revision) this.#revision = this.#state.revision;
          throw error;
        },
      );
      inForce?.();
      this.#putInForce(applied.state);
      return { ok: true, entry: entry ?? { ...applied.journal, sequence: 0, hash: '' } };
    } catch (error) {
      return rejectedBy(error);
    }
  }

  #apply(command: Command, who: Who): Applied | Rejected {
    const applied = applyCommand({ ...this.#state, revision: this.#revision }, command, {
      ...who,
      at: this.#options.clock.now(),
    });
    if (applied.ok) this.#revision = applied.state.revision;
    return applied;
  }

  /**
   * Takes a scope back to the control: in force when this function's synchronous part ends, journaled as soon as the store allows.
   * Answers within 50 ms whatever the store and other commands do.
   * Rejected only for a cohort that does not exist, or beyond 10,000 latches; FAULT where the proxy did not take the table.
   */
  async rollback(scope: Scope, who: Who): Promise<RolledBackResult | Rejected> {
    const { clock, events } = this.#options;
    const begin = clock.monotonic();
    // Before the start nobody knows what was in force; a narrow latch on an unknown table could promote the rest.
    const covered = this.#started ? scope : {};
    const applied = this.#apply({ kind: 'rollback', scope: covered }, who);
    if (!applied.ok) {
      events.commandRejected({ kind: 'rollback', actor: who.actor, code: applied.code, message: applied.message });
      return applied;
    }
    const key = scopeKey(covered);
    const latch = applied.state.latches.get(key);
    if (latch !== undefined) this.#unsavedLatches.set(key, latch);
    const isObeyed = this.#publish(applied.state);
    const effectiveMs = clock.monotonic() - begin;
    events.rolledBack({ scope: describeScope(covered), ...who, revision: applied.state.revision, effectiveMs });
    const journaledMs = await this.#journaled(applied.journal, begin);
    if (!isObeyed) return NOT_OBEYED;
    return { ok: true, effectiveMs, journaledMs, revision: applied.state.revision, scope: covered };
  }

  /** Queues the entry; gives when it was on disk, or null if that takes too long. */
  #journaled(entry: NewJournalEntry, begin: number): Promise<number | null> {
    const { clock, events } = this.#options;
    if (this.#unjournaled.length >= MAX_UNJOURNALED) {
      events.rollbackEntryLost(entry.scope);
      return Promise.resolve(null);
    }
    return new Promise((resolve) => {
      const timer = clock.after(JOURNAL_WAIT_MS, () => resolve(null));
      this.#unjournaled.push({
        entry,
        done: () => {
          timer.cancel();
          resolve(clock.monotonic() - begin);
        },
        failed: () => {
          timer.cancel();
          resolve(null);
        },
      });
      this.#queueFlush();
    });
  }

  #queueFlush(): void {
    if (this.#flushQueued || this.#closed) return;
    this.#flushQueued = true;
    // A failure is reported and tried again by #flush itself.
    this.#enqueue(() => {
      this.#flushQueued = false;
      return this.#flush();
    }).catch(() => {});
  }

  /** Writes the latches and entries that wait. Rejects with the store's error; they wait on, and are tried again. */
  async #flush(): Promise<void> {
    const { events, clock } = this.#options;
    while (this.#unjournaled.length > 0 || this.#unsavedLatches.size > 0) {
      const { journal, state, done, failed } = this.#unstored();
      const { revision, madeAt } = this.#state;
      try {
        await this.#commit('rollback', {
          journal,
          state: [...state, { key: 'revision', value: { revision, madeAt } }],
        });
      } catch (error) {
        failed();
        events.rollbackUnjournaled(this.#unjournaled.length, error);
        this.#retryLater(clock);
        throw error;
      }
      done();
    }
  }

  /** The latches and entries that wait, and what to call when the store has them, or refused them. */
  #unstored(): Change & { readonly done: () => void; readonly failed: () => void } {
    const waiting = [...this.#unjournaled];
    const latches = [...this.#unsavedLatches];
    return {
      journal: waiting.map(({ entry }) => entry),
      state: latches.map(([key, latch]) => ({ key: `latch:${key}`, value: latch })),
      done: () => {
        for (const [key, latch] of latches)
          if (this.#unsavedLatches.get(key) === latch) {
            this.#unsavedLatches.delete(key);
            this.#options.onLatchStored?.(latch);
          }
        this.#unjournaled = this.#unjournaled.filter((other) => !waiting.includes(other));
        for (const { done } of waiting) done();
        this.#retryMs = RETRY_MS.first;
        this.#options.events.rollbackUnjournaled(this.#unjournaled.length, undefined);
      },
      failed: () => {
        for (const { failed } of waiting) failed();
      },
    };
  }

  #retryLater(clock: Clock): void {
    if (this.#retry !== undefined || this.#closed) return;
    this.#retry = clock.after(this.#retryMs, () => {
      this.#retry = undefined;
      this.#queueFlush();
    });
    this.#retryMs = Math.min(RETRY_MS.most, this.#retryMs * 2);
  }

  async #commit(doing: string, change: Change): Promise<readonly JournalEntry[]> {
    const { store, events } = this.#options;
    let entries: readonly JournalEntry[];
    try {
      entries = await store.commit(change);
    } catch (error) {
      events.storeFailed(doing, error);
      throw error;
    }
    events.storeWorked();
    for (const entry of entries) {
      events.changeJournaled(entry);
      this.feed.publish('journal', entry);
    }
    return entries;
  }

  /** Puts a journaled state in force, under the latches that fell while it was on its way. */
  #putInForce(state: ControlState): void {
    if (this.#unsavedLatches.size === 0 && state.revision > this.#state.revision) {
      this.#publish(state);
      return;
    }
    // The table of the rollback has a higher revision than this state: what comes now must be newer than both.
    this.#revision += 1;
    const latches = new Map([...state.latches, ...this.#unsavedLatches]);
    this.#publish({ ...state, latches, revision: this.#revision });
  }

  /** Gives whether the proxy took the table. */
  #publish(state: ControlState): boolean {
    this.#state = state;
    this.#table = undefined;
    try {
      this.#options.onTable(this.#data);
    } catch (error) {
      this.#options.events.tableFailed(state.revision, error);
      return false;
    }
    this.feed.publish('status', { revision: state.revision });
    return true;
  }

  /** Runs one thing after the other; a failure of one does not stop the next. */
  #enqueue<T>(run: () => Promise<T>): Promise<T> {
    this.#waiting += 1;
    const result = this.#tail.then(run).finally(() => {
      this.#waiting -= 1;
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Waits for what is under way and tries once more to journal what waits. Later rollbacks still take effect. */
  async close(): Promise<void> {
    this.#retry?.cancel();
    this.#queueFlush();
    this.#closed = true;
    await this.#tail;
  }
}

type Change = Parameters<Store['commit']>[0];

interface Unjournaled {
  readonly entry: NewJournalEntry;
  readonly done: () => void;
  readonly failed: () => void;
}

export function createController(options: ControllerOptions): Controller {
  return new Controller(options);
}

const TOO_MANY: Rejected = {
  ok: false,
  code: 'RATE_LIMITED',
  message: `${MAX_WAITING} commands wait for the store already.`,
  hint: 'Wait until the store answers again; a rollback works at once.',
};
const STORE_SILENT: Rejected = {
  ok: false,
  code: 'STORE_BUSY',
  message: `The store has not answered within ${COMMAND_TIMEOUT_MS / 1000} s.`,
  hint: 'The command still waits, and takes effect if the store comes back; look at the journal before giving it again.',
};
const NOT_STARTED: Rejected = {
  ok: false,
  code: 'CONFLICT',
  message: 'The controller has not started: what is stored could not be loaded.',
  hint: 'A rollback works all the same. The log tells what is wrong with the store.',
};
const NOT_OBEYED: Rejected = {
  ok: false,
  code: 'FAULT',
  message: 'The proxy did not take the table with the rollback.',
  hint: 'Stop the candidate, or restart Cutover: the latch is stored and holds from its start. The log tells more.',
};

function rejectedBy(error: unknown): Rejected {
  if (!isCutoverError(error)) throw error;
  return {
    ok: false,
    code: error.code,
    message: `Nothing was changed: ${error.message}`,
    hint: error.hint ?? 'Mend the store and try again; a rollback works all the same.',
  };
}
