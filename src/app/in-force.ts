import type { Clock, Log, Timer } from '../core/ports.ts';
import type { TableData } from '../core/routing.ts';
import { compileTable } from '../core/table.ts';
import type { Member } from '../fleet/member.ts';
import type { Proxy as DataPlane } from '../proxy/proxy.ts';
import { controlOnly } from './control-only.ts';

export interface InForceOptions {
  /** Undefined: a table never ages. */
  readonly maxAgeMs: number | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly member: Pick<Member, 'leader'>;
  readonly table: TableData;
}

const LOOK_MS = 500;

/** Puts tables in force, and the control in place of one that grew too old while no leader could be reached. */
export class InForce {
  readonly #proxy: Pick<DataPlane, 'setTable'>;
  readonly #options: InForceOptions;
  #table: TableData;
  #reachedAt: number;
  #isTooOld = false;
  #timer: Timer | undefined;

  constructor(proxy: Pick<DataPlane, 'setTable'>, options: InForceOptions) {
    this.#proxy = proxy;
    this.#options = options;
    this.#table = options.table;
    this.#reachedAt = options.clock.monotonic();
    if (options.maxAgeMs !== undefined) this.#look(options.maxAgeMs);
  }

  put(table: TableData): void {
    // Where only it became known that a rollback is stored, nothing else is served by.
    if (table === this.#table) return;
    this.#table = table;
    this.#serve(table);
  }

  #serve(table: TableData): void {
    this.#proxy.setTable(compileTable(this.#isTooOld ? controlOnly(table) : table));
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(maxAgeMs: number): void {
    const { clock, log, member } = this.#options;
    const now = clock.monotonic();
    if (member.leader !== undefined) this.#reachedAt = now;
    const isTooOld = now - this.#reachedAt > maxAgeMs;
    if (isTooOld !== this.#isTooOld) {
      this.#isTooOld = isTooOld;
      log.warn(isTooOld ? 'fleet.table-too-old' : 'fleet.table-fresh', { revision: this.#table.revision });
      this.#serve(this.#table);
    }
    this.#timer = clock.after(LOOK_MS, () => this.#look(maxAgeMs));
  }
}
