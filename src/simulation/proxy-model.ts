import type { Settings } from '../config/settings.ts';
import type { UnverifiedReason } from '../core/ports.ts';
import type { Needs } from '../core/spending/need-book.ts';
import type { RoutingTable } from '../core/table.ts';
import { MirrorLot } from './mirror-lot.ts';
import type { Random } from './random.ts';

/** A proxy: serves by the last table it got, also when it is cut off from whoever makes tables. */
export class ProxyModel {
  readonly number: number;
  readonly lot: MirrorLot;
  table: RoutingTable | undefined;
  isDown = false;
  isCut = false;

  constructor(number: number, settings: Settings, random: Random) {
    this.number = number;
    this.lot = new MirrorLot(settings, random);
  }

  /** Takes a table unless it has a newer one. Gives whether it is in force now. */
  take(table: RoutingTable): boolean {
    if (this.table !== undefined && table.data.revision < this.table.data.revision) return false;
    this.table = table;
    return true;
  }
}

/** Every proxy, and who of them takes the next request. */
export class Proxies {
  readonly all: readonly ProxyModel[];
  /** The last table that was made: who was cut off or down takes it when it is back. */
  newest: RoutingTable | undefined;
  #next = 0;

  constructor(count: number, settings: Settings, random: Random) {
    this.all = Array.from({ length: count }, (_, at) => new ProxyModel(at + 1, settings, random));
  }

  /** One after the other, those that are down left out; undefined: all are. */
  next(): ProxyModel | undefined {
    for (let tried = 0; tried < this.all.length; tried++) {
      this.#next = (this.#next + 1) % this.all.length;
      const proxy = this.all[this.#next];
      if (proxy !== undefined && !proxy.isDown) return proxy;
    }
    return undefined;
  }

  /** Gives the table to all that can be reached; false: one of them has a newer one. */
  publish(table: RoutingTable): boolean {
    if (this.newest !== undefined && table.data.revision < this.newest.data.revision) return false;
    this.newest = table;
    for (const proxy of this.all) if (!proxy.isDown && !proxy.isCut) proxy.take(table);
    return true;
  }

  /** Back from a crash or a partition. */
  rejoin(proxy: ProxyModel): void {
    if (this.newest !== undefined && !proxy.isDown && !proxy.isCut) proxy.take(this.newest);
  }

  /** What proofs still need, as far as it reaches them. */
  tellNeeds(needs: Needs): void {
    for (const { lot, isDown, isCut } of this.all) if (!isDown && !isCut) lot.spender.take(needs);
  }

  pauseMirrors(reason: UnverifiedReason | undefined): void {
    for (const { lot } of this.all) lot.paused = reason;
  }
}
