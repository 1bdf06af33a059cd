import type { CellKey, EndpointId, TenantId } from '../core/cell.ts';
import { cellKey } from '../core/cell.ts';
import { acceptedAs } from '../core/cluster/accept.ts';
import { type ClusterChange, type ClusterMark, isAccepted, isReturn } from '../core/cluster/mark.ts';
import { StrikeBook } from '../core/cluster/strike-book.ts';
import { hash48 } from '../core/compare/hash.ts';
import type { Rejected } from '../core/control-state.ts';
import type { Clock, Cluster, Timer, VerifiedExchange } from '../core/ports.ts';
import type { Events } from '../telemetry/events.ts';
import type { Changed, Controller, Who } from './controller.ts';
import type { MovementView } from './movement-views.ts';

export interface ClusterDeskOptions {
  readonly controller: Controller;
  readonly events: Events;
  readonly clock: Clock;
  /** A cluster as counted so far. */
  readonly cluster: (id: string) => Cluster | undefined;
  readonly movement: Pick<MovementView, 'candidateVersion'>;
  /** Fingerprint of the configured comparison rules, as they are now: what was seen under others blocks nothing. */
  readonly rules: () => string;
  /** Fingerprint of the configured rules and everything accepted, whenever it changes. */
  readonly onRules: (fingerprint: string) => void;
  readonly maxCells: number;
  /** What was saved of kind `clusters`. */
  readonly saved: ReadonlyMap<string, unknown>;
}

/** How often ends of accepting and quiet clusters are looked at. */
const TICK_MS = 5_000;
/** Changes Cutover makes by itself in one round; the rest waits for the next. */
const MAX_A_ROUND = 20;
const UNKNOWN = 'unknown';
const CONTROLLER = 'controller';

/**
 * What becomes of clusters: who owns them, what was accepted, what is fixed and what came back; and which cells they block.
 * Marks are control state and journaled like every order; what struck which cell is counted here and saved in documents.
 */
export class ClusterDesk {
  readonly strikes: StrikeBook;
  readonly #options: ClusterDeskOptions;
  /** Clusters with an order of Cutover's own under way. */
  readonly #pending = new Set<string>();
  #timer: Timer | undefined;
  #fingerprint: string | undefined;
  #rules: string;
  #isClosed = false;

  constructor(options: ClusterDeskOptions) {
    const { saved, maxCells } = options;
    const rules = options.rules();
    this.#rules = rules;
    this.#options = options;
    const epoch = fieldsOf(saved.get(EPOCH));
    const version = typeof epoch['version'] === 'string' ? epoch['version'] : UNKNOWN;
    this.strikes = new StrikeBook({ maxCells, version });
    for (const [key, value] of saved) {
      const { rules: under, cell } = fieldsOf(value);
      if (key !== EPOCH && under === rules) this.strikes.restore(key as CellKey, cell); // saved from a CellKey
    }
  }

  start(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => {
      void this.tick().finally(() => {
        if (!this.#isClosed) this.start();
      });
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  markOf(id: string): ClusterMark | undefined {
    return this.#options.controller.state.marks.get(id);
  }

  /** A comparison once accepting is taken into account; to be asked before anything is counted. */
  judge(verified: VerifiedExchange): VerifiedExchange {
    const { controller, clock } = this.#options;
    const { marks } = controller.state;
    if (verified.result.verdict !== 'mismatch' || marks.size === 0) return verified;
    const now = clock.now();
    return acceptedAs(verified, (id, endpoint) => {
      const mark = marks.get(id);
      return isAccepted(mark, endpoint, now) ? mark : undefined;
    });
  }

  /** A comparison was counted, with the clusters of its causes as they are now. */
  verified(verified: VerifiedExchange, clusters: readonly Cluster[]): void {
    const { events } = this.#options;
    this.#followVersion();
    for (const cluster of clusters) {
      if (cluster.count === 1) events.clusterFound(cluster);
      if (isReturn(this.markOf(cluster.id), verified.versions.candidate)) this.#returned(cluster, verified);
    }
    const { verdict, moreCauses } = verified.result;
    const { candidate } = verified.versions;
    const isOfAnother = candidate !== UNKNOWN && candidate !== this.strikes.version;
    // As in evidence: what tells nothing, what people chose, and what an earlier version answered says nothing of this one.
    if (verdict === 'inconclusive' || verified.forced === true || isOfAnother) return;
    const key = cellKey(verified.cell.tenant, verified.cell.endpoint);
    this.strikes.add(
      key,
      clusters.map(({ id }) => id),
      moreCauses === true,
    );
  }

  #followVersion(): void {
    const { candidateVersion } = this.#options.movement;
    const { strikes } = this;
    if (candidateVersion === strikes.version) return;
    // The first version that is told is the one that ran all the time.
    if (strikes.version === UNKNOWN) strikes.version = candidateVersion;
    else strikes.beginVersion(candidateVersion);
  }

  #returned(cluster: Cluster, verified: VerifiedExchange): void {
    const version = verified.versions.candidate;
    const reason = `seen again in ${version === UNKNOWN ? 'a comparison' : `version ${version}`} after it was fixed`;
    const evidence = { exchange: verified.id, version };
    this.#bySelf(cluster, { state: 'returned' }, { reason, evidence }).then(
      (done) => {
        if (done) this.#options.events.clusterReturned(cluster, version);
      },
      () => undefined,
    );
  }

  /** An order of Cutover's own: one at a time for each cluster. Gives whether it was carried out. */
  async #bySelf(
    { id, endpoint, pathPattern }: Pick<Cluster, 'id' | 'endpoint' | 'pathPattern'>,
    change: ClusterChange,
    why: { readonly reason: string; readonly evidence?: Readonly<Record<string, unknown>> },
  ): Promise<boolean> {
    if (this.#pending.has(id) || this.#pending.size >= MAX_A_ROUND) return false;
    this.#pending.add(id);
    const { reason, evidence } = why;
    const command = { kind: 'cluster.mark', id, scope: scopeText(endpoint, pathPattern), change } as const;
    try {
      const outcome = await this.#options.controller.command(
        evidence === undefined ? command : { ...command, evidence },
        {
          actor: CONTROLLER,
          reason,
        },
      );
      return outcome.ok;
    } finally {
      this.#pending.delete(id);
    }
  }

  /** A person's order. Accepting holds at the endpoints the cluster was seen at until now. */
  async mark(cluster: Cluster, change: ClusterChange, who: Who): Promise<Changed | Rejected> {
    const { controller } = this.#options;
    const whole: ClusterChange = {
      ...change,
      ...(change.state === 'accepted' ? { endpoints: cluster.endpoints.map(({ endpoint }) => endpoint) } : {}),
      ...(change.state === 'fixed' && this.#isStillThere(cluster) ? { stillIn: cluster.lastVersion } : {}),
    };
    const scope = scopeText(cluster.endpoint, cluster.pathPattern);
    const outcome = await controller.command({ kind: 'cluster.mark', id: cluster.id, scope, change: whole }, who);
    if (!outcome.ok) return outcome;
    if (change.state === 'fixed') this.#options.events.clusterFixed(cluster);
    // While it was accepted it struck nothing: being quiet says nothing.
    if (change.state === 'accepted' || change.state === 'open') this.strikes.forget(cluster.id);
    this.#followRules();
    return outcome;
  }

  /** Whether the candidate that runs now has it: then it is fixed in the next one. */
  #isStillThere({ lastVersion }: Cluster): boolean {
    return lastVersion !== UNKNOWN && lastVersion === this.#options.movement.candidateVersion;
  }

  /** Ends what was accepted for a time, and calls fixed what has been quiet for long enough. */
  async tick(): Promise<void> {
    const { controller, clock, cluster } = this.#options;
    const now = clock.now();
    this.#followVersion();
    for (const [id, mark] of controller.state.marks) {
      if (mark.state !== 'accepted' || now < (mark.until ?? 0)) continue;
      const known = cluster(id) ?? { id, endpoint: '' as EndpointId, pathPattern: id }; // only told to people
      if (await this.#bySelf(known, { state: 'open' }, { reason: 'the end of its accepting has come' }))
        this.strikes.forget(id);
    }
    this.#followRules();
    for (const [id, { clean, needed, rate }] of this.strikes.quiet()) {
      const state = this.markOf(id)?.state ?? 'open';
      if (clean < needed || state === 'accepted') continue;
      const known = cluster(id);
      if (known === undefined || state === 'fixed') this.strikes.forget(id);
      else {
        const version = this.strikes.version;
        const reason = `${clean} clean comparisons in a row where it struck, until version ${version}`;
        const isDone = await this.#bySelf(
          known,
          { state: 'fixed' },
          { reason, evidence: { clean, needed, rate, version } },
        );
        if (!isDone) return;
        this.#options.events.clusterFixed(known);
        this.strikes.forget(id);
      }
    }
  }

  /** The rules may be others: call when the configuration has changed. What was seen under the old ones blocks nothing any more. */
  settingsChanged(): void {
    const rules = this.#options.rules();
    if (rules === this.#rules) return;
    this.#rules = rules;
    this.strikes.forgetAll();
    this.#followRules();
  }

  #followRules(): void {
    const fingerprint = rulesWith(this.#rules, this.#options.controller.state.marks, this.#options.clock.now());
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#options.onRules(fingerprint);
  }

  /** Endpoints turned out to be one. */
  mergeEndpoints(from: readonly EndpointId[], into: EndpointId): void {
    this.strikes.forgetEndpoints(from.filter((id) => id !== into));
  }

  /** A tenant's traffic is deleted: which clusters strike its cells is forgotten. */
  forgetTenant(tenant: TenantId): void {
    this.strikes.forgetTenant(tenant);
  }

  /** Changes since the last time, to be saved under kind `clusters`; at most `max`. */
  takeDocuments(max: number): readonly { readonly key: string; readonly value: unknown }[] {
    const taken = this.strikes.take(max);
    if (taken.length === 0) return [];
    const rules = this.#rules;
    return [
      { key: EPOCH, value: { version: this.strikes.version } },
      ...taken.map(({ key, value }) => ({ key, value: value === undefined ? undefined : { rules, cell: value } })),
    ];
  }

  /** What was taken was not saved. */
  returnDocuments(documents: readonly { readonly key: string }[]): void {
    this.strikes.giveBack(documents.filter(({ key }) => key !== EPOCH).map(({ key }) => key as CellKey)); // taken from there
  }
}

/** Key of the document that says what the others are valid for; no cell's key, for it holds no space. */
const EPOCH = 'epoch';

/** The configured rules together with everything accepted now: what an epoch is valid for. */
export function rulesWith(rules: string, marks: ReadonlyMap<string, ClusterMark>, now: number): string {
  const accepted = [...marks].filter(([, mark]) => mark.state === 'accepted' && now < (mark.until ?? 0));
  if (accepted.length === 0) return rules;
  const told = accepted.map(([id, { endpoints = [], counts }]) => [id, counts === true, ...endpoints].join(' ')).sort();
  return `${rules}+${hash48(told.join('\n'))}`;
}

function scopeText(endpoint: EndpointId, pathPattern: string): string {
  return `${endpoint} ${pathPattern}`.trim();
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return value !== null && typeof value === 'object' ? (value as Readonly<Record<string, unknown>>) : {}; // its members stay unknown
}
