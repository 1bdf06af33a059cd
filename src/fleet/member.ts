import type { Side } from '../core/cell.ts';
import { CellStates } from '../core/cell-states.ts';
import { CutoverError } from '../core/errors.ts';
import {
  type KeptTable,
  type ToldTable,
  tableInForce,
  takeTable,
  withOwn,
  withoutOwn,
} from '../core/fleet/kept-table.ts';
import type { Clock, Log, Timer } from '../core/ports.ts';
import type { Latch, TableData } from '../core/routing.ts';
import type { Needs } from '../core/spending/need-book.ts';
import { applyDelta } from '../core/table-delta.ts';
import { Link } from './link.ts';
import {
  ALIVE_MS,
  type Alive,
  type Down,
  type Hello,
  type KeyAsked,
  type ToldPlan,
  type WrittenTable,
} from './messages.ts';
import { Outbox } from './outbox.ts';

export interface MemberOptions {
  /** Doors for members of every controller; at most MAX_CONTROLLERS. */
  readonly controllers: readonly string[];
  readonly token: string;
  /** Of the controllers' certificates; see Link. */
  readonly authority?: () => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly hello: () => Omit<Hello, 't' | 'term' | 'revision'>;
  readonly alive: () => Pick<Alive, 'outstanding' | 'cachedForSeconds' | 'plan' | 'breakers'>;
  /** What was in force last. */
  readonly kept: KeptTable;
  /** Puts a table in force, and the plan that belongs to it; called synchronously. Undefined: the plan stays. */
  readonly onTable: (inForce: TableData, kept: KeptTable, plan: ToldPlan | undefined) => void;
  readonly onNeeds: (needs: Needs) => void;
}

export const MAX_CONTROLLERS = 8;
const REPORT_MS = 100;
/** Beyond, a request decides by what this process knows. */
const KEYS_MS = 500;
/** Requests with keys that wait for a leader at once. */
const MAX_KEYS = 5_000;

interface KeyWaiting {
  readonly resolve: (side: Side) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A process of a fleet that serves: connected to every controller, obeying the newest leader's table, telling that leader
 * what it sees. Cut off from all of them it goes on with the last table.
 */
export class Member {
  readonly outbox: Outbox = new Outbox();
  readonly #options: MemberOptions;
  #links: readonly Link[] = [];
  #kept: KeptTable;
  #timers: Timer[] = [];
  #toldTo: Link | undefined;
  #keys: { readonly asked: KeyAsked; readonly waiting: KeyWaiting }[] = [];
  readonly #asked = new Map<number, { readonly waiting: readonly KeyWaiting[]; readonly link: Link }>();
  #askNumber = 0;
  #isClosed = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#kept = options.kept;
  }

  /** Connects to every controller. */
  start(): void {
    const options = this.#options;
    this.#links = options.controllers.slice(0, MAX_CONTROLLERS).map(
      (controller) =>
        new Link({
          controller,
          ...(options.authority === undefined ? {} : { authority: options.authority }),
          token: options.token,
          clock: options.clock,
          log: options.log,
          hello: () => ({ t: 'hello', ...options.hello(), ...this.#standing() }),
          onDown: (link, message) => this.#take(link, message),
          onClosed: (link) => this.#closed(link),
        }),
    );
    this.#every(REPORT_MS, () => this.#report());
    this.#every(ALIVE_MS, () => this.#tellAlive());
  }

  get kept(): KeptTable {
    return this.#kept;
  }

  /** The controller that decides, if it can be reached. */
  get leader(): Link | undefined {
    let found: Link | undefined;
    for (const link of this.#links)
      if (link.isOpen && link.leads && (found === undefined || link.term > found.term)) found = link;
    return found;
  }

  controllers(): readonly {
    readonly url: string;
    readonly connected: boolean;
    readonly leads: boolean;
    readonly trouble: string;
  }[] {
    return this.#links.map(({ controller, isOpen, leads, trouble }) => ({
      url: controller,
      connected: isOpen,
      leads,
      trouble,
    }));
  }

  /** Takes a scope back by itself: in force when this returns, told to the leader now or once there is one. */
  rollback(latch: Latch): void {
    this.#put(withOwn(this.#kept, latch));
    this.#tellOwn();
    this.#tellAlive();
  }

  /** The side that the fleet recorded for a key. Rejects where no leader answers in time. */
  key(asked: KeyAsked): Promise<Side> {
    if (this.leader === undefined || this.#keys.length >= MAX_KEYS) return Promise.reject(NO_LEADER);
    return new Promise((resolve, reject) => {
      const timer = this.#options.clock.after(KEYS_MS, () => reject(NO_LEADER));
      const waiting: KeyWaiting = {
        resolve: (side) => {
          timer.cancel();
          resolve(side);
        },
        reject,
      };
      this.#keys.push({ asked, waiting });
      // Those of one turn of the event loop go together.
      if (this.#keys.length === 1) queueMicrotask(() => this.#askKeys());
    });
  }

  /** Tells what is left, as far as a leader takes it at once, and says goodbye. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) timer.cancel();
    const until = this.#options.clock.monotonic() + 1_000;
    while (this.outbox.waiting > 0 && this.leader !== undefined && this.#options.clock.monotonic() < until) {
      this.#report();
      await new Promise<void>((resolve) => this.#options.clock.after(20, resolve));
    }
    for (const link of this.#links) link.send({ t: 'bye' });
    // The last word must have left before the connection is broken off.
    await new Promise<void>((resolve) => this.#options.clock.after(20, resolve));
    for (const link of this.#links) link.close();
  }

  #every(ms: number, run: () => void): void {
    const place = this.#timers.length;
    const again = (): void => {
      this.#timers[place] = this.#options.clock.after(ms, () => {
        run();
        if (!this.#isClosed) again();
      });
    };
    again();
  }

  #take(link: Link, message: Down): void {
    if (message.t === 'table') this.#takeTold(link, { ...message, table: readTable(message.table) });
    else if (message.t === 'delta') {
      const table = link.table === undefined ? undefined : applyDelta(link.table, message.delta);
      if (table === undefined) link.send({ t: 'whole' });
      else this.#takeTold(link, { ...message, table });
    } else if (message.t === 'plan') link.plan = message;
    else if (message.t === 'needs') {
      if (link === this.leader) this.#options.onNeeds(message.needs);
    } else if (message.t === 'taken') {
      if (this.outbox.taken(message.number)) this.#report();
    } else if (message.t === 'keys') this.#answered(message.number, message.sides);
    else if (message.t === 'latched') this.#put(withoutOwn(this.#kept, message.key));
    else {
      if (!link.leads && link === this.#toldTo) this.#toldTo = undefined;
      this.#tellOwn();
    }
  }

  #takeTold(link: Link, told: Required<ToldTable> & { readonly plan: string }): void {
    link.table = told.table;
    const plan = link.plan?.hash === told.plan ? link.plan : undefined;
    const next = takeTable(this.#kept, {
      term: told.term,
      began: told.began,
      table: told.table,
      unstored: told.unstored,
    });
    if (next !== undefined) this.#put(next, plan);
    link.send({ t: 'ack', ...this.#standing(), outstanding: this.#options.alive().outstanding });
    if (this.#kept.own.length > 0) this.#tellOwn();
  }

  #put(kept: KeptTable, plan?: ToldPlan): void {
    this.#kept = kept;
    this.#options.onTable(tableInForce(kept), kept, plan);
  }

  #standing(): { readonly term: number; readonly revision: number } {
    return { term: this.#kept.term, revision: this.#kept.table.revision };
  }

  /** Until the leader has them, at each sign of life from it. */
  #tellOwn(): void {
    const leader = this.leader;
    if (leader === undefined) return;
    for (const latch of this.#kept.own) leader.send({ t: 'latch', latch });
  }

  #report(): void {
    const leader = this.leader;
    // Whoever leads next gets the last report again, or it is lost.
    if (leader === undefined) this.#toldTo = undefined;
    if (leader === undefined) return;
    const line = this.outbox.next(leader.run, leader !== this.#toldTo);
    this.#toldTo = leader;
    if (line !== undefined) leader.sendLine(line);
  }

  #tellAlive(): void {
    const alive: Alive = {
      t: 'alive',
      ...this.#standing(),
      ...this.#options.alive(),
      waiting: this.outbox.waiting,
      lost: this.outbox.lost,
    };
    for (const link of this.#links) link.send(alive);
  }

  #askKeys(): void {
    const leader = this.leader;
    const keys = this.#keys.splice(0);
    if (leader === undefined) {
      for (const { waiting } of keys) waiting.reject(NO_LEADER);
      return;
    }
    this.#askNumber += 1;
    this.#asked.set(this.#askNumber, { waiting: keys.map(({ waiting }) => waiting), link: leader });
    leader.send({ t: 'keys', number: this.#askNumber, keys: keys.map(({ asked }) => asked) });
  }

  #answered(number: number, sides: readonly Side[] | null): void {
    const asked = this.#asked.get(number);
    this.#asked.delete(number);
    asked?.waiting.forEach(({ resolve, reject }, at) => {
      const side = sides?.[at];
      if (side === undefined) reject(NO_LEADER);
      else resolve(side);
    });
  }

  #closed(link: Link): void {
    if (this.#toldTo === link) this.#toldTo = undefined;
    for (const [number, asked] of this.#asked) if (asked.link === link) this.#answered(number, null);
  }
}

const NO_LEADER = new CutoverError('STORE_FAILED', 'No controller of the fleet answers.', {
  hint: 'This process decides by what it knows until one does.',
});

function readTable(written: WrittenTable): TableData {
  return { ...written, cells: CellStates.read(written.cells) };
}
