import { type CanaryCommand, canaryWaitsFor } from '../core/canary.ts';
import { isOpen, type TenantId } from '../core/cell.ts';
import type { Log, ServedRecord } from '../core/ports.ts';
import type { Tripped } from '../core/tripwire.ts';
import type { Controller } from './controller.ts';
import type { EndpointTrack, MovementBook } from './movement-book.ts';
import type { Round, RoundFacts } from './movement-plan.ts';
import type { MovementRules } from './movement-rules.ts';

export interface CanaryOptions {
  readonly book: MovementBook;
  readonly rules: MovementRules;
  readonly controller: Pick<Controller, 'state' | 'command' | 'table'>;
  readonly log: Log;
}

/** Tenants whose own comparisons must turn before the version is to blame rather than they; all, where there are fewer. */
const TENANTS = 3;

/** What has been seen of a canary in this process. */
interface Watched {
  readonly version: string;
  readonly since: number;
  served: number;
  /** Tenants of whom a cell was closed by what its comparisons said; no more than `TENANTS`. */
  readonly closed: Set<TenantId>;
  waitsFor: string | undefined;
}

/**
 * Gives a new candidate version a share of what is open, and all of it back, or nothing, by what the tests say.
 * The tests are those that watch all traffic; a canary adds the small share, the time, and that there was enough to judge.
 */
export class CanaryKeeper {
  readonly #options: CanaryOptions;
  /** A version that was seen, and whose canary is not journaled yet. */
  #due: string | undefined;
  #watched: Watched | undefined;
  /** What failed it, until that is journaled. */
  #failure: { readonly reason: string; readonly evidence: Readonly<Record<string, unknown>> } | undefined;
  #isOrdering = false;

  constructor(options: CanaryOptions) {
    this.#options = options;
  }

  /** What a running canary waits for. */
  get waitsFor(): string | undefined {
    return this.#watched?.waitsFor;
  }

  /** Another version of the candidate runs from now on. */
  deployed(version: string, now: number): void {
    this.#due = version;
    void this.#begin(now);
  }

  /** A request has ended. */
  served({ decision }: Pick<ServedRecord, 'decision'>): void {
    if (this.#watched !== undefined && decision.side === 'candidate' && decision.reason === 'dial')
      this.#watched.served += 1;
  }

  /** A tripwire went off; whatever it did by itself, the version has failed. */
  tripped({ tripwire, endpoint, detail }: Tripped): void {
    this.#fail(`${tripwire} at ${endpoint}: ${detail}`, { tripwire, endpoint, detail });
  }

  /** What a round takes back counts against the version at once, whatever the journal does. */
  looked(round: Round): void {
    if (this.#watched !== undefined) this.#judge(this.#watched, round);
  }

  /** Once a round: what was not journaled is tried again, what is over ends. */
  async follow(round: Round, facts: RoundFacts): Promise<void> {
    await this.#begin(facts.now);
    const { canary } = this.#options.controller.state;
    if (canary === undefined || canary.state === 'failed') {
      this.#watched = undefined;
      this.#failure = undefined;
      return;
    }
    // After a restart the tests have seen nothing yet, and so its time begins anew.
    if (this.#watched?.version !== canary.version) this.#watched = watched(canary.version, facts.now);
    this.#judge(this.#watched, round);
    if (this.#failure !== undefined) {
      await this.#order('failed', this.#failure.reason, this.#failure.evidence);
      return;
    }
    const { since, served } = this.#watched;
    const now = {
      now: facts.now,
      watchedSince: since,
      served,
      warning: this.#warning(facts),
      hindrance: hindrance(facts),
    };
    this.#watched.waitsFor = canaryWaitsFor(canary, now);
    if (this.#watched.waitsFor !== undefined) return;
    const reason = `no test spoke against ${canary.version} in ${Math.round((facts.now - since) / 1_000)} s and ${served} requests`;
    await this.#order('passed', reason, { requests: served, watchedMs: facts.now - since });
  }

  async #begin(now: number): Promise<void> {
    const { controller, log } = this.#options;
    const version = this.#due;
    if (version === undefined || this.#isOrdering) return;
    const command = this.#beginning(version);
    if (command === undefined) {
      this.#due = undefined;
      return;
    }
    this.#isOrdering = true;
    const who = { actor: 'controller', reason: `candidate version ${version}` };
    const done = await controller.command(command, who).finally(() => {
      this.#isOrdering = false;
    });
    // What the store does not take is tried again in the next round; a version that came meanwhile has its own.
    if (!done.ok || this.#due !== version) return;
    this.#due = undefined;
    this.#failure = undefined;
    this.#watched = watched(version, now);
    log.info('canary.began', { version });
  }

  /** What a new version asks for; undefined: nothing, it serves at once what is open. */
  #beginning(version: string): CanaryCommand | undefined {
    const { controller, rules } = this.#options;
    const before = controller.state.canary;
    if (rules.canary !== undefined) {
      const isBegun = before?.version === version && before.state === 'running';
      return isBegun || !this.#isServing() ? undefined : { kind: 'canary.begin', version, policy: rules.canary };
    }
    // What was said of an earlier version says nothing of this one, and the plan wants no canary any more.
    return before && { kind: 'canary.end', version: before.version, verdict: 'passed' };
  }

  /** Whether the candidate serves anything that a dial moves. */
  #isServing(): boolean {
    const { controller, book } = this.#options;
    for (const state of controller.state.cells.values()) if (isOpen(state)) return true;
    const isDialled = ({ id }: EndpointTrack): boolean =>
      controller.table.policyOf(id).proof === 'none' && controller.table.dialFor(id, undefined).dialPpm > 0;
    return controller.state.canary !== undefined || [...book.endpoints.values()].some(isDialled);
  }

  /** Whether the round took back what served: an endpoint by its tenants' comparisons, or several tenants by their own. */
  #judge(seen: Watched, { retreats, pooled }: Round): void {
    for (const { track, reason } of retreats) {
      const kind = pooled.get(track.home)?.kind;
      const { endpoint, tenant } = track.cell;
      seen.closed.add(tenant);
      const tenants = Math.min(TENANTS, track.home.cells.size);
      if (kind === 'fail' || kind === 'conflict') this.#fail(`${endpoint}: ${reason}`, { endpoint });
      else if (seen.closed.size >= tenants) {
        const words = `cells of ${tenants} tenants were taken back, the last ${tenant} at ${endpoint}: ${reason}`;
        this.#fail(words, { tenants: [...seen.closed] });
      }
      if (this.#failure !== undefined) return;
    }
  }

  #warning(facts: RoundFacts): string | undefined {
    for (const { id } of this.#options.book.endpoints.values()) {
      const warning = facts.warning?.(id);
      if (warning !== undefined) return `${id}: ${warning}`;
    }
    return undefined;
  }

  #fail(reason: string, evidence: Readonly<Record<string, unknown>>): void {
    const { canary } = this.#options.controller.state;
    if (canary?.state !== 'running' || this.#failure !== undefined || this.#due !== undefined) return;
    this.#failure = { reason, evidence };
    void this.#order('failed', reason, evidence);
  }

  /** Journal first; what is not taken is asked for again in the next round. */
  async #order(
    verdict: 'passed' | 'failed',
    reason: string,
    evidence: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { controller, log } = this.#options;
    const { canary } = controller.state;
    if (canary === undefined || this.#isOrdering) return;
    this.#isOrdering = true;
    const { version } = canary;
    const done = await controller
      .command({ kind: 'canary.end', version, verdict, evidence }, { actor: 'controller', reason })
      .finally(() => {
        this.#isOrdering = false;
      });
    if (!done.ok) return;
    this.#watched = undefined;
    this.#failure = undefined;
    log[verdict === 'passed' ? 'info' : 'warn'](`canary.${verdict}`, { version, reason });
  }
}

function watched(version: string, since: number): Watched {
  return { version, since, served: 0, closed: new Set(), waitsFor: undefined };
}

function hindrance({ frozen, isFaulty, isHeldAll }: RoundFacts): string | undefined {
  if (frozen !== undefined) return `the end of the freeze ${frozen.name}`;
  if (isHeldAll === true) return 'cutover resume: everything is held';
  return isFaulty ? 'a part of Cutover to work again' : undefined;
}
