import type { CellKey } from '../core/cell.ts';
import type { NewJournalEntry } from '../core/ports.ts';
import type { Scope } from '../core/routing.ts';
import { zipfWeights } from './random.ts';
import { type Change, type Detection, quantilesOf, type SimulationResult } from './result.ts';
import { endOf, type Scenario } from './scenario.ts';
import type { TableDiff } from './table-diff.ts';
import { FLAWS, type Truth } from './truth.ts';

/** Points of the picture of the share over time. */
const SLOTS = 120;
/** Changes told one by one; further ones are counted. */
const MAX_CHANGES = 2_000;
const MAX_REFUSED = 100;
const MAX_NAMED = 20;
/** What was wrong so recently may still be acted upon. */
const RECENT_MS = 600_000;

interface Slot {
  requests: number;
  candidate: number;
  openCells: number;
}

/** Who did it, and why. */
export interface Cause {
  readonly actor: string;
  readonly reason: string;
}

/** A taking back by tripwires or evidence. */
export interface TakenBack extends Cause {
  /** Indices of the endpoints. */
  readonly endpoints: readonly number[];
}

/** Gathers what becomes of a simulated world. */
export class Chronicle {
  readonly served = { control: 0, candidate: 0 };
  readonly verdicts = { match: 0, mismatch: 0, inconclusive: 0 };
  failedOver = 0;
  unserved = 0;
  readonly #scenario: Scenario;
  readonly #truth: Truth;
  readonly #cellIndex: ReadonlyMap<CellKey, number>;
  readonly #weights: readonly number[];
  readonly #slots: readonly Slot[];
  readonly #slotMs: number;
  /** First request of each cell, and its first opening; -1: none. */
  readonly #seenAt: Float64Array;
  readonly #openedAt: Float64Array;
  readonly #hurt = new Set<number>();
  #hurtRequests = 0;
  readonly #changes: Change[] = [];
  readonly #refused: { at: number; what: string }[] = [];
  #promotions = 0;
  #falsePromotions = 0;
  #rollbacks = 0;
  #falseRollbacks = 0;
  readonly #by = new Map<string, number>();

  constructor(scenario: Scenario, truth: Truth, cellIndex: ReadonlyMap<CellKey, number>) {
    this.#scenario = scenario;
    this.#truth = truth;
    this.#cellIndex = cellIndex;
    const { tenants, endpoints, zipf } = scenario.traffic;
    this.#weights = zipfWeights(tenants.length, zipf);
    this.#slotMs = scenario.durationMs / SLOTS;
    this.#slots = Array.from({ length: SLOTS }, () => ({ requests: 0, candidate: 0, openCells: 0 }));
    this.#seenAt = new Float64Array(tenants.length * endpoints.length).fill(-1);
    this.#openedAt = new Float64Array(tenants.length * endpoints.length).fill(-1);
  }

  /** A request was answered. */
  request(at: number, cell: number, isCandidate: boolean): void {
    if (this.#seenAt[cell] === -1) this.#seenAt[cell] = at;
    this.served[isCandidate ? 'candidate' : 'control'] += 1;
    const slot = this.#slots[Math.min(SLOTS - 1, Math.floor(at / this.#slotMs))];
    if (slot === undefined) return;
    slot.requests += 1;
    if (isCandidate) slot.candidate += 1;
  }

  hurt(subject: number): void {
    this.#hurtRequests += 1;
    this.#hurt.add(subject);
  }

  refused(at: number, what: string): void {
    if (this.#refused.length < MAX_REFUSED) this.#refused.push({ at: Math.round(at), what });
  }

  /** Open cells as of now; called at the end of each slot and with each change. */
  openCells(at: number, open: number): void {
    const from = Math.min(SLOTS - 1, Math.floor(at / this.#slotMs));
    for (let slot = from; slot < SLOTS; slot++) {
      const one = this.#slots[slot];
      if (one !== undefined) one.openCells = open;
    }
  }

  /** A table came into force. Gives the taking back in it, if tripwires or evidence made one. */
  changed(
    at: number,
    diff: TableDiff,
    entry: NewJournalEntry | undefined,
    proofOf: (key: CellKey) => 'cell' | 'endpoint' | 'cohort',
  ): TakenBack | undefined {
    const cause = causeOf(diff, entry);
    const isPerson = !isOurs(cause.actor);
    const wrong = diff.opened.filter((key) => this.#isWrong(key, proofOf(key))).length;
    for (const key of diff.opened) {
      const cell = this.#cellIndex.get(key);
      if (cell !== undefined && this.#openedAt[cell] === -1) this.#openedAt[cell] = at;
    }
    this.#promotions += diff.opened.length + (isPerson ? 0 : diff.raised.length);
    this.#falsePromotions += wrong;
    const isBack = diff.closed.length + diff.latched.length + diff.lowered.length > 0;
    const endpoints = isBack ? this.#endpointsOf(diff) : [];
    const taken = isBack && isBlame(cause) && endpoints.length > 0 ? { ...cause, endpoints } : undefined;
    const isFalse = taken !== undefined && this.#take(at, taken);
    if (diff.opened.length + diff.raised.length + diff.lifted.length === 0 && !isBack) return undefined;
    this.#tell({
      at: Math.round(at),
      kind: isPerson ? 'order' : isBack ? 'rollback' : diff.opened.length > 0 ? 'promotion' : 'dial',
      actor: cause.actor,
      reason: cause.reason,
      opened: diff.opened.length,
      closed: diff.closed.length,
      ...(isBack ? { endpoints: endpoints.slice(0, MAX_NAMED).map((one) => this.#nameOf(one)) } : {}),
      ...(wrong > 0 || isFalse ? { wrong: true } : {}),
    });
    return taken;
  }

  #tell(change: Change): void {
    if (this.#changes.length < MAX_CHANGES) this.#changes.push(change);
  }

  /** A tripwire held promotions at an endpoint, and left what serves where it is. */
  held(at: number, { actor, reason, scope }: NewJournalEntry): void {
    const endpoint = this.#scenario.traffic.endpoints.findIndex(({ id }) => id === scope);
    if (endpoint >= 0) this.#found(endpoint, at);
    const name = endpoint < 0 ? [] : [scope];
    this.#tell({ at: Math.round(at), kind: 'hold', actor, reason, opened: 0, closed: 0, endpoints: name });
  }

  #found(endpoint: number, at: number): void {
    for (const spell of this.#truth.spells) {
      const isMeant = spell.endpoint === endpoint && spell.from <= at && at <= spell.until + RECENT_MS;
      if (isMeant && spell.exposedAt !== undefined) spell.detectedAt ??= at;
    }
  }

  /** Gives whether nothing justified it. */
  #take(at: number, { actor, endpoints }: TakenBack): boolean {
    this.#rollbacks += 1;
    const by = actor === 'controller' ? 'evidence' : actor.replace('tripwire:', '');
    this.#by.set(by, (this.#by.get(by) ?? 0) + 1);
    for (const endpoint of endpoints) this.#found(endpoint, at);
    // What a limit takes back need not be worse than the control.
    const isFalse =
      by !== 'limits' &&
      !endpoints.some((endpoint) => this.kin(endpoint).some((one) => this.#truth.wasWorse(one, at, RECENT_MS)));
    if (isFalse) this.#falseRollbacks += 1;
    return isFalse;
  }

  /** The endpoint and those of its journey. */
  kin(endpoint: number): readonly number[] {
    const { endpoints } = this.#scenario.traffic;
    const id = endpoints[endpoint]?.id;
    const listed = this.#scenario.settings.endpoints;
    const journey = listed.find((one) => `${one.method} ${one.template}` === id)?.journey;
    if (journey === undefined) return [endpoint];
    const members = new Set(
      listed.filter((one) => one.journey === journey).map((one) => `${one.method} ${one.template}`),
    );
    return endpoints.flatMap((one, at) => (members.has(one.id) ? [at] : []));
  }

  #endpointsOf({ closed, latched, lowered }: TableDiff): number[] {
    const width = this.#scenario.traffic.tenants.length;
    const found = new Set<number>();
    for (const key of closed) {
      const cell = this.#cellIndex.get(key);
      if (cell !== undefined) found.add(Math.floor(cell / width));
    }
    for (const { scope } of [...latched, ...lowered]) for (const at of this.#under(scope)) found.add(at);
    return [...found].toSorted((one, other) => one - other);
  }

  #under(scope: Scope): number[] {
    const { endpoints } = this.#scenario.traffic;
    return endpoints.flatMap(({ id }, at) => (scope.endpoint === undefined || scope.endpoint === id ? [at] : []));
  }

  /**
   * Whether the candidate is wrong in a cell more often than a proof over it excludes; or, where the proof is pooled, more
   * often than that one excludes, there and over all tenants.
   */
  #isWrong(key: CellKey, over: 'cell' | 'endpoint' | 'cohort'): boolean {
    const cell = this.#cellIndex.get(key);
    if (cell === undefined) return false;
    const { evidence } = this.#scenario.settings;
    const width = this.#scenario.traffic.tenants.length;
    const [endpoint, tenant] = [Math.floor(cell / width), cell % width];
    const own = this.#wrongRate(endpoint, tenant);
    if (own > evidence.cellLimit) return true;
    if (over === 'cell' || own <= evidence.pooledLimit) return false;
    const all = this.#weights.reduce((sum, weight) => sum + weight, 0);
    const wrong = this.#weights.reduce((sum, weight, at) => sum + weight * this.#wrongRate(endpoint, at), 0);
    return wrong / all > evidence.pooledLimit;
  }

  /** Wrong answers, and failures beyond the control's. */
  #wrongRate(endpoint: number, tenant: number): number {
    const { wrong, failing } = this.#truth;
    const answers = wrong[endpoint * this.#scenario.traffic.tenants.length + tenant] ?? 0;
    const failures = Math.max(0, (failing.candidate[endpoint] ?? 0) - (failing.control[endpoint] ?? 0));
    return 1 - (1 - answers) * (1 - failures);
  }

  #nameOf(endpoint: number): string {
    return this.#scenario.traffic.endpoints[endpoint]?.id ?? '';
  }

  result(
    seed: number,
    rest: Pick<SimulationResult, 'invariants' | 'violations'> & {
      readonly dropped: number;
      readonly openAtEnd: number;
    },
  ): SimulationResult {
    const { durationMs, notes } = this.#scenario;
    const { control, candidate } = this.served;
    const times: number[] = [];
    let [total, opened] = [0, 0];
    for (const [cell, seenAt] of this.#seenAt.entries()) {
      if (seenAt < 0) continue;
      total += 1;
      const openedAt = this.#openedAt[cell] ?? -1;
      if (openedAt < 0) continue;
      opened += 1;
      times.push(Math.max(0, Math.round(openedAt - seenAt)));
    }
    const detections = this.#detections();
    const found = detections.filter(({ detectedAt }) => detectedAt !== null);
    return {
      scenario: this.#scenario.name,
      seed,
      durationMs,
      notes,
      requests: {
        total: control + candidate + this.unserved,
        control,
        candidate,
        failedOver: this.failedOver,
        unserved: this.unserved,
      },
      comparisons: { ...this.verdicts, dropped: rest.dropped },
      cells: { total, opened, openAtEnd: rest.openAtEnd },
      timeToOpenMs: quantilesOf(times),
      share: this.#slots.map((slot, at) => ({
        at: Math.round(at * this.#slotMs),
        share: slot.requests === 0 ? null : round(slot.candidate / slot.requests),
        openCells: slot.openCells,
      })),
      finalShare: lastShare(this.#slots),
      promotions: this.#promotions,
      falsePromotions: this.#falsePromotions,
      rollbacks: this.#rollbacks,
      falseRollbacks: this.#falseRollbacks,
      rollbacksBy: Object.fromEntries([...this.#by].toSorted(([one], [other]) => (one < other ? -1 : 1))),
      detections,
      timeToDetectMs: quantilesOf(found.map(({ detectedAt, exposedAt }) => (detectedAt ?? 0) - (exposedAt ?? 0))),
      undetected: detections.filter(({ exposedAt, detectedAt }) => exposedAt !== null && detectedAt === null).length,
      clientsHurt: { requests: this.#hurtRequests, subjects: this.#hurt.size },
      refusedOrders: this.#refused,
      events: this.#scenario.events.map((event) => ({
        at: event.at,
        until: Number.isFinite(endOf(event)) ? endOf(event) : null,
        kind: event.kind,
        what: describeEvent(event),
      })),
      changes: this.#changes,
      invariants: rest.invariants,
      violations: rest.violations,
    };
  }

  #detections(): Detection[] {
    const order = (flaw: Detection['flaw']): number => FLAWS.indexOf(flaw);
    return this.#truth.spells
      .map((spell) => ({
        endpoint: this.#nameOf(spell.endpoint),
        flaw: spell.flaw,
        from: spell.from,
        until: Number.isFinite(spell.until) ? spell.until : null,
        exposedAt: spell.exposedAt === undefined ? null : Math.round(spell.exposedAt),
        detectedAt: spell.detectedAt === undefined ? null : Math.round(spell.detectedAt),
      }))
      .toSorted((one, other) => one.from - other.from || order(one.flaw) - order(other.flaw));
  }
}

/** What an event is about, besides its kind. */
export function describeEvent(event: Scenario['events'][number]): string {
  const { at: _at, kind: _kind, ...rest } = event;
  const parts = Object.entries(rest).flatMap(([key, value]) => {
    if (value === undefined || key === 'for' || key === 'until') return [];
    if (typeof value === 'object' && value !== null && 'id' in value) return [String(value.id)];
    if (key === 'rate') return [`${Number(((value as number) * 100).toFixed(4))}%`]; // a share
    if (key === 'dial') return [`${(value as number) / 10_000}%`]; // parts per million
    if (key === 'by') return [`${(value as number) / 1_000} s`]; // milliseconds
    if (typeof value === 'object') return [JSON.stringify(value)];
    return [
      key === 'side' || key === 'version' || key === 'tenant' || key === 'how'
        ? String(value)
        : `${key} ${String(value)}`,
    ];
  });
  return parts.join(' ');
}

function isOurs(actor: string): boolean {
  return actor === 'controller' || actor === 'config' || actor.startsWith('tripwire:');
}

/** Whether the candidate is blamed: by a tripwire, or by what comparisons say. */
function isBlame({ actor, reason }: Cause): boolean {
  return actor.startsWith('tripwire:') || (actor === 'controller' && /\bsay (?:fail|conflict)\b/.test(reason));
}

/** A latch says who let it fall; what is journaled says it in its entry. */
function causeOf({ latched }: TableDiff, entry: NewJournalEntry | undefined): Cause {
  const [latch] = latched;
  if (latch !== undefined) return { actor: latch.actor, reason: latch.reason };
  return { actor: entry?.actor ?? 'controller', reason: entry?.reason ?? '' };
}

function lastShare(slots: readonly Slot[]): number | null {
  const last = slots.findLast(({ requests }) => requests > 0);
  return last === undefined ? null : round(last.candidate / last.requests);
}

function round(share: number): number {
  return Number(share.toFixed(6));
}
