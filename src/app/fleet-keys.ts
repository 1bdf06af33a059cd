import type { Side } from '../core/cell.ts';
import type { Clock, Store, Timer } from '../core/ports.ts';
import type { Member } from '../fleet/member.ts';

type Key = Parameters<Store['recordKey']>[0];

/** Keys that were recorded while no leader answered; further ones stay on this disk only. */
const MAX_LATER = 10_000;
const LATER_MS = 1_000;
const AT_ONCE = 500;

/**
 * Idempotency keys of a proxy of a fleet: the fleet's record counts, so that a retry that comes to another proxy goes to
 * the side that answered first. Where no leader answers, this proxy's own record counts, and is told later.
 */
export class FleetKeys {
  readonly #member: Pick<Member, 'key' | 'leader'>;
  readonly #local: Pick<Store, 'recordKey'>;
  #later: Key[] = [];
  #timer: Timer;

  constructor(member: Pick<Member, 'key' | 'leader'>, local: Pick<Store, 'recordKey'>, clock: Clock) {
    this.#member = member;
    this.#local = local;
    const again = (): Timer =>
      clock.after(LATER_MS, () => {
        void this.#tellLater().finally(() => {
          this.#timer = again();
        });
      });
    this.#timer = again();
  }

  async recordKey(key: Key): Promise<Side> {
    try {
      const side = await this.#member.key(key);
      // For the time after a restart, if no leader answers then.
      this.#local.recordKey({ ...key, side }).catch(() => undefined);
      return side;
    } catch {
      if (this.#later.length < MAX_LATER) this.#later.push(key);
      return this.#local.recordKey(key);
    }
  }

  close(): void {
    this.#timer.cancel();
  }

  async #tellLater(): Promise<void> {
    if (this.#member.leader === undefined) return;
    const keys = this.#later.splice(0, AT_ONCE);
    await Promise.all(keys.map((key) => this.#member.key(key).catch(() => this.#later.push(key))));
  }
}
