import { type CellKey, type CellState, type EndpointId, isOpen, type TenantId } from '../core/cell.ts';
import type { CellRecord } from '../core/cell-machine.ts';
import { decide } from '../core/decide.ts';
import type { NewJournalEntry } from '../core/ports.ts';
import type { Dial, TableData } from '../core/routing.ts';
import { describeScope, scopeKey } from '../core/scope.ts';
import type { RoutingTable } from '../core/table.ts';
import type { Brain } from './brain.ts';
import type { FaultyStore } from './faulty-store.ts';
import type { Scenario } from './scenario.ts';
import type { TableDiff } from './table-diff.ts';

export const INVARIANTS = ['I3', 'I4', 'I5', 'I6', 'I10', 'I11'] as const;
export type Invariant = (typeof INVARIANTS)[number];

export interface Violation {
  readonly invariant: Invariant;
  /** Milliseconds since the begin. */
  readonly at: number;
  readonly detail: string;
}

/** Violations told in full; further ones are counted. */
const MAX_TOLD = 50;
/** A round comes within a second, a retreat waits 250 ms for the journal at most, and a latch takes its place then. */
const GRACE_MS = 2_500;
/** What waits for the store is tried again after 30 s at most. */
const RETRY_MS = 35_000;
/** Cells and subjects that are asked before and after a change of the table. */
const PROBED_CELLS = 100;
const PROBED_SUBJECTS = 8;

interface Changes {
  readonly before: RoutingTable | undefined;
  readonly after: RoutingTable;
  readonly diff: TableDiff;
}

/**
 * Watches the invariants against what is true: what lies in the store, who really served, what the candidate really did.
 * It knows everything and changes nothing.
 */
export class Witness {
  readonly violations: Violation[] = [];
  readonly counts: Record<Invariant, number> = { I3: 0, I4: 0, I5: 0, I6: 0, I10: 0, I11: 0 };
  /** How often each was looked at. */
  readonly checks: Record<Invariant, number> = { I3: 0, I4: 0, I5: 0, I6: 0, I10: 0, I11: 0 };
  readonly #scenario: Scenario;
  readonly #store: FaultyStore;
  readonly #now: () => number;
  /** Cells that were served without a proof that holds, since when. */
  readonly #unproven = new Map<CellKey, number>();
  /** Latches that the journal says were lifted, by their scopes' names, and that are still in force. */
  readonly #unlatched = new Set<string>();
  /** Since when a rollback waits for the journal while the store works. */
  #waitingSince: number | undefined;

  constructor(options: { readonly scenario: Scenario; readonly store: FaultyStore; readonly now: () => number }) {
    this.#scenario = options.scenario;
    this.#store = options.store;
    this.#now = options.now;
  }

  /** An entry has become lasting. */
  journaled({ action, scope }: Pick<NewJournalEntry, 'action' | 'scope'>): void {
    if (action === 'unlatch') this.#unlatched.add(scope);
    if (action === 'rollback') this.#unlatched.delete(scope);
  }

  broken(invariant: Invariant, detail: string): void {
    this.counts[invariant] += 1;
    if (this.violations.length < MAX_TOLD) this.violations.push({ invariant, at: Math.round(this.#now()), detail });
  }

  /** I3: whoever asked something safe that the candidate failed has the control's answer. */
  failedOver(isControlServing: boolean, what: () => string): void {
    this.checks.I3 += 1;
    if (!isControlServing) this.broken('I3', what());
  }

  /** I4: a request went to the candidate by the dial, where proof is demanded. */
  served(
    cell: { readonly tenant: TenantId; readonly endpoint: EndpointId; readonly key: CellKey },
    brain: Brain | undefined,
  ): void {
    this.checks.I4 += 1;
    const trouble = this.#unprovenBecause(cell, brain);
    if (trouble === undefined) {
      if (this.#unproven.size > 0) this.#unproven.delete(cell.key);
      return;
    }
    const now = this.#now();
    const since = this.#unproven.get(cell.key) ?? now;
    this.#unproven.set(cell.key, since);
    if (now - since <= GRACE_MS) return;
    this.#unproven.delete(cell.key);
    this.broken('I4', `${cell.key} is served by the candidate: ${trouble}`);
  }

  #unprovenBecause(
    cell: { readonly tenant: TenantId; readonly endpoint: EndpointId; readonly key: CellKey },
    brain: Brain | undefined,
  ): string | undefined {
    const saved = recordOf(this.#store.movement.get(`cell ${cell.key}`));
    if (saved?.proof === undefined) return 'no proof of it is in the store';
    // While nobody controls, proxies go on with the last table.
    const mover = brain?.mover;
    if (mover === undefined) return undefined;
    const record = mover.book.find(cell)?.record;
    if (record === undefined || !isOpen(record.state)) return `it is ${record?.state ?? 'unknown'}`;
    if (record.state === 'renewing')
      return mover.now() <= (record.renewBy ?? 0) ? undefined : 'its proof was to be renewed';
    const { epoch } = mover.book;
    const made = record.proof?.epoch;
    const isPresent = made?.candidateVersion === epoch.candidateVersion && made.rules === epoch.rules;
    return isPresent
      ? undefined
      : `its proof is of version ${made?.candidateVersion ?? 'unknown'}, the present one is ${epoch.candidateVersion}`;
  }

  /** A table comes into force. */
  published(changes: Changes): void {
    const { before, after } = changes;
    this.#lasting(changes.diff);
    if (before !== undefined) this.#monotone(before, after);
  }

  /** I5, I6: whatever goes to the candidate is in the store before it is in force. */
  #lasting({ opened, raised, lifted, latched }: TableDiff): void {
    this.checks.I5 += 1;
    const { items, state } = this.#store;
    const early: string[] = [];
    for (const key of opened)
      if (!isOpen(items.get(`cell:${key}`) as CellState | undefined)) early.push(`the cell ${key}`); // written from states
    for (const dial of raised) {
      const ordered = items.get(`dial:${scopeKey(dial.scope)}`);
      const isConfigured = this.#configured(dial);
      if (!isConfigured && ppmOf(ordered) !== dial.dialPpm) early.push(`the dial of ${scopeKey(dial.scope)}`);
    }
    for (const { scope } of lifted) {
      const key = scopeKey(scope);
      if (items.has(`latch:${key}`)) early.push(`lifting the latch of ${key}`);
      this.checks.I6 += 1;
      if (!this.#unlatched.delete(describeScope(scope)))
        this.broken('I6', `the latch of ${key} is gone though nobody lifted it`);
    }
    for (const { scope } of latched) this.#unlatched.delete(describeScope(scope));
    if (early.length > 0) this.broken('I5', `in force before it is in the journal: ${early.slice(0, 3).join(', ')}`);
    this.checks.I6 += 1;
    if (state !== 'works' && opened.length > 0)
      this.broken('I6', `${opened.length} cells opened while the store did not work`);
  }

  #configured(dial: Dial): boolean {
    const key = scopeKey(dial.scope);
    const { defaults, endpoints } = this.#scenario.settings;
    if (key === 'all') return dial.dialPpm === defaults.dialPpm;
    return endpoints.some((one) => key === `endpoint:${one.method} ${one.template}` && one.dialPpm === dial.dialPpm);
  }

  /** I10: raising a dial moves nobody back, lowering it moves nobody forward. */
  #monotone(before: RoutingTable, after: RoutingTable): void {
    if (sameDials(before.data, after.data)) return;
    const { endpoints, tenants } = this.#scenario.traffic;
    let probed = 0;
    for (const { id: endpoint, method, origin } of endpoints) {
      for (const tenant of tenants) {
        if (probed >= PROBED_CELLS) return;
        const [low, high] = [before.dialFor(endpoint, tenant).dialPpm, after.dialFor(endpoint, tenant).dialPpm];
        if (low === high || before.stateOf(endpoint, tenant) !== after.stateOf(endpoint, tenant)) continue;
        probed += 1;
        for (let number = 0; number < PROBED_SUBJECTS; number++) {
          this.checks.I10 += 1;
          const facts = { method, endpoint, origin, tenant, subject: `${tenant}/u${number}`, hasRange: false };
          const [one, other] = [decide(facts, before, 0), decide(facts, after, 0)];
          if (one.reason !== 'dial' || other.reason !== 'dial' || one.side === other.side) continue;
          const isAgainst = other.side === (high > low ? 'control' : 'candidate');
          if (isAgainst)
            this.broken(
              'I10',
              `${facts.subject} at ${endpoint} went to the ${other.side} as the dial went from ${low} to ${high}`,
            );
        }
      }
    }
  }

  /** I4: what a proof says of comparisons must have happened. */
  promoted(key: CellKey, seen: { readonly own: number; readonly pooled: number }): void {
    this.checks.I4 += 1;
    const proof = recordOf(this.#store.movement.get(`cell ${key}`))?.proof;
    if (proof === undefined) {
      this.broken('I4', `${key} opened without a recorded proof`);
      return;
    }
    if (proof.own.matches > seen.own)
      this.broken('I4', `${key} has a proof of ${proof.own.matches} matches of its own; there were ${seen.own}`);
    const most = proof.over === 'cell' ? seen.own : seen.pooled;
    if (proof.assessment.matches > most)
      this.broken('I4', `${key} has a proof over ${proof.assessment.matches} matches; there were ${most}`);
  }

  /** Over what the recorded proof of a cell is. */
  proofOver(key: CellKey): 'cell' | 'endpoint' | 'cohort' {
    return recordOf(this.#store.movement.get(`cell ${key}`))?.proof?.over ?? 'cell';
  }

  /** I11: the candidate was blamed. */
  blamed(endpoint: string, lastMistakeAt: number, since: number, why: string): void {
    this.checks.I11 += 1;
    if (lastMistakeAt < since)
      this.broken('I11', `${endpoint} was taken back though the candidate made no mistake there: ${why}`);
  }

  /** I6: a rollback that a person ordered is in force at once. */
  rolledBack(isInForce: boolean, scope: string): void {
    this.checks.I6 += 1;
    if (!isInForce) this.broken('I6', `the rollback of ${scope} is not in force`);
  }

  /** I5: what is in force and not in the journal gets there as soon as the store works. Called every few seconds. */
  settled(brain: Brain): void {
    this.checks.I5 += 1;
    const now = this.#now();
    const waiting = brain.controller.unjournaled;
    if (this.#store.state !== 'works' || waiting === 0) {
      this.#waitingSince = undefined;
      return;
    }
    this.#waitingSince ??= now;
    if (now - Math.max(this.#waitingSince, brain.startedAt) < RETRY_MS) return;
    this.#waitingSince = now;
    this.broken('I5', `${waiting} rollbacks are not in the journal though the store works`);
  }
}

function recordOf(document: unknown): CellRecord | undefined {
  if (typeof document !== 'object' || document === null || !('record' in document)) return undefined;
  return document.record as CellRecord; // written from one
}

function ppmOf(order: unknown): number | undefined {
  if (typeof order !== 'object' || order === null || !('dialPpm' in order)) return undefined;
  return typeof order.dialPpm === 'number' ? order.dialPpm : undefined;
}

function sameDials(one: TableData, other: TableData): boolean {
  return (
    one.dials.length === other.dials.length &&
    one.dials.every((dial, at) => {
      const twin = other.dials[at];
      return twin !== undefined && twin.dialPpm === dial.dialPpm && scopeKey(twin.scope) === scopeKey(dial.scope);
    })
  );
}
