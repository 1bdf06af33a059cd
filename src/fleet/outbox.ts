import type { Cell, EndpointId } from '../core/cell.ts';
import type { ServedRecord, UnverifiedReason, VerifiedExchange } from '../core/ports.ts';
import type { LearnedNoise } from './messages.ts';

/** Records that wait: at 1,000 requests a second those of 20 s without a controller. */
const MAX_SERVED = 20_000;
const MAX_UNVERIFIED = 20_000;
/** Comparisons that wait, as they will be sent: mostly small, but mismatches hold both answers. */
const MAX_VERIFIED_CHARS = 64 * 1_024 * 1_024;
/** Most of each in one report. */
const SERVED_AT_ONCE = 2_000;
const VERIFIED_CHARS_AT_ONCE = 8 * 1_024 * 1_024;
const MAX_MERGED = 1_000;
const MAX_NOISE = 10_000;

/** What a member has to tell, until a leader has taken it. Nothing is told twice, and what is lost is counted. */
export class Outbox {
  #served: ServedRecord[] = [];
  #unverified: (readonly [Cell, UnverifiedReason])[] = [];
  /** As JSON. */
  #verified: string[] = [];
  #verifiedChars = 0;
  #merged: (readonly [readonly EndpointId[], EndpointId])[] = [];
  readonly #noise = new Map<EndpointId, LearnedNoise>();
  #number = 0;
  #sent: { readonly number: number; readonly run: string; readonly items: number; readonly line: string } | undefined;
  #lost = 0;

  served(record: ServedRecord): void {
    if (this.#served.length >= MAX_SERVED) this.#lost += 1;
    else this.#served.push(record);
  }

  verified(exchange: VerifiedExchange): void {
    const json = JSON.stringify(exchange);
    if (this.#verifiedChars + json.length > MAX_VERIFIED_CHARS) this.#lost += 1;
    else {
      this.#verified.push(json);
      this.#verifiedChars += json.length;
    }
  }

  unverified(cell: Cell, reason: UnverifiedReason): void {
    if (this.#unverified.length >= MAX_UNVERIFIED) this.#lost += 1;
    else this.#unverified.push([cell, reason]);
  }

  /** Endpoints that have become one. */
  merged(from: readonly EndpointId[], into: EndpointId): void {
    if (this.#merged.length < MAX_MERGED) this.#merged.push([from, into]);
  }

  /** What an endpoint learned; only the last counts. */
  noise(learned: LearnedNoise): void {
    if (this.#noise.has(learned.endpoint) || this.#noise.size < MAX_NOISE) this.#noise.set(learned.endpoint, learned);
  }

  /** Records and comparisons that no leader has taken yet. */
  get waiting(): number {
    return this.#served.length + this.#verified.length + this.#unverified.length + (this.#sent?.items ?? 0);
  }

  /** Those that no leader will ever be told. */
  get lost(): number {
    return this.#lost;
  }

  /**
   * The line to send now; undefined while a report is on its way, or where there is nothing to tell.
   * @param isAnew The connection is another than the last report went over: that one is told again to the leader that may
   *   have taken it, and counts as lost for any other, who might count it for a second time.
   */
  next(run: string, isAnew: boolean): string | undefined {
    if (this.#sent !== undefined) {
      if (this.#sent.run === run) return isAnew ? this.#sent.line : undefined;
      this.#lost += this.#sent.items;
      this.#sent = undefined;
    }
    const served = this.#served.splice(0, SERVED_AT_ONCE);
    const unverified = this.#unverified.splice(0, SERVED_AT_ONCE);
    const merged = this.#merged.splice(0);
    const noise = [...this.#noise.values()];
    this.#noise.clear();
    const verified = this.#takeVerified();
    const items = served.length + unverified.length + verified.length;
    if (items + merged.length + noise.length === 0) return undefined;
    this.#number += 1;
    const rest = JSON.stringify({ t: 'report', number: this.#number, served, unverified, merged, noise });
    const line = `${rest.slice(0, -1)},"verified":[${verified.join(',')}]}`;
    this.#sent = { number: this.#number, run, items, line };
    return line;
  }

  /** The leader has taken the report; gives whether more waits than one report holds. */
  taken(number: number): boolean {
    if (this.#sent?.number === number) this.#sent = undefined;
    return this.#served.length >= SERVED_AT_ONCE || this.#verifiedChars >= VERIFIED_CHARS_AT_ONCE;
  }

  #takeVerified(): string[] {
    let [count, chars] = [0, 0];
    while (count < this.#verified.length && (count === 0 || chars < VERIFIED_CHARS_AT_ONCE)) {
      chars += this.#verified[count]?.length ?? 0;
      count += 1;
    }
    this.#verifiedChars -= chars;
    return this.#verified.splice(0, count);
  }
}
