import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cellOf, endpointPolicy, servedRecord, verifiedExchange } from '../../test/support/traffic.ts';
import { cellKey, type EndpointId, type TenantId } from '../core/cell.ts';
import type { Cluster, Store, VerifiedExchange } from '../core/ports.ts';
import type { Signature } from '../core/verdict.ts';
import { openSqliteStore } from '../store/sqlite-store.ts';
import { createEvents } from '../telemetry/events.ts';
import { createLog } from '../telemetry/log.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { ClusterDesk, rulesWith } from './cluster-desk.ts';
import { clusterPicture } from './cluster-views.ts';
import { type Controller, createController } from './controller.ts';
import { Ledger } from './ledger.ts';
import { MovementView } from './movement-views.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const ANN = { actor: 'cli:ann', reason: 'by design' };
const GET_A = 'GET /a' as EndpointId;

/** Everything about clusters but the proxy and the threads, on a real store. */
class Rig {
  readonly clock = new ManualClock(Date.UTC(2026, 0, 1));
  readonly logged: string[] = [];
  readonly epochs: string[] = [];
  readonly book = new Map<string, Cluster>();
  readonly ledger = new Ledger({ limits: { cells: 100, endpoints: 20 }, clock: this.clock });
  readonly #metrics = createMetrics();
  readonly #events = createEvents({
    log: createLog({ level: 'info', write: (line) => this.logged.push(line) }),
    metrics: this.#metrics.metrics,
    clock: this.clock,
  });
  readonly store: Store;
  controller!: Controller; // made by `begin`
  desk!: ClusterDesk; // made by `begin`
  version = '1';
  #exchanges = 0;

  private constructor(store: Store) {
    this.store = store;
  }

  static async begin(): Promise<Rig> {
    const folder = mkdtempSync(join(tmpdir(), 'cutover-clusters-'));
    closers.push(() => rmSync(folder, { recursive: true, force: true }));
    const store = await openSqliteStore({ dir: folder, log: createLog({ level: 'error', write: () => undefined }) });
    closers.push(() => store.close());
    const rig = new Rig(store);
    await rig.restart();
    return rig;
  }

  /** As a new process would find it. */
  async restart(rules = 'r'): Promise<void> {
    if (this.desk !== undefined) await this.store.saveDocuments('clusters', this.desk.takeDocuments(1_000));
    this.controller = createController({
      store: this.store,
      clock: this.clock,
      events: this.#events,
      version: '1',
      onTable: () => undefined,
      base: {
        force: { control: { tenants: [], endpoints: [] }, candidate: { tenants: [], endpoints: [] } },
        cohorts: {},
        defaults: { ...endpointPolicy(), proof: 'cell' },
        endpoints: [],
        dials: [],
      },
    });
    await this.controller.start();
    const rig = this;
    this.desk = new ClusterDesk({
      controller: this.controller,
      events: this.#events,
      clock: this.clock,
      cluster: (id) => this.book.get(id),
      movement: {
        get candidateVersion() {
          return rig.version;
        },
      },
      rules: () => rules,
      onRules: (fingerprint) => this.epochs.push(fingerprint),
      maxCells: 100,
      saved: await this.store.loadDocuments('clusters'),
    });
  }

  /** A comparison of `tenant GET /a`, with these causes; gives the verdict that was counted. */
  compared(tenant: string, causes: readonly string[], version = this.version): string {
    const signatures = causes.map(signatureOf);
    this.#exchanges += 1;
    const made = verifiedExchange(cellOf(tenant, 'GET /a'), causes.length === 0 ? 'match' : 'mismatch', {
      id: `x${this.#exchanges}`,
      versions: { control: 'c', candidate: version },
    });
    const [signature] = signatures;
    const told: VerifiedExchange =
      signature === undefined ? made : { ...made, result: { ...made.result, signature, signatures } };
    const judged = this.desk.judge(told);
    const left = judged.result.verdict === 'mismatch' ? (judged.result.signatures ?? []) : [];
    this.desk.verified(
      judged,
      left.map(({ id }) => this.#count(id, version)),
    );
    return judged.result.verdict;
  }

  #count(id: string, version: string): Cluster {
    const known = this.book.get(id);
    const cluster: Cluster = {
      ...signatureOf(id),
      count: (known?.count ?? 0) + 1,
      endpoints: [{ endpoint: GET_A, count: (known?.count ?? 0) + 1 }],
      firstSeen: 1,
      lastSeen: 2,
      firstVersion: known?.firstVersion ?? version,
      lastVersion: version,
      tenants: 1,
      example: 'x1',
      difference: { path: `body/${id}`, kind: 'value' },
    };
    this.book.set(id, cluster);
    return cluster;
  }

  cluster(id: string): Cluster {
    const found = this.book.get(id);
    if (found === undefined) throw new Error(`no cluster ${id}`);
    return found;
  }

  serve(tenant: string, requests: number): void {
    for (let i = 0; i < requests; i += 1)
      this.ledger.served(servedRecord({ tenant: tenant as TenantId, endpoint: GET_A, origin: 'found' }));
  }

  picture() {
    return clusterPicture({
      desk: this.desk,
      clusters: [...this.book.values()],
      ledger: this.ledger,
      table: this.controller.table,
      movement: new MovementView(() => undefined),
      now: this.clock.now(),
    });
  }

  async actions(): Promise<string[]> {
    const { items } = await this.store.journal({ limit: 50 });
    return items.map(({ action }) => action).filter((action) => action.startsWith('cluster.'));
  }

  metric(event: string): string | undefined {
    const text = this.#metrics.registry.render();
    return new RegExp(`^cutover_cluster_events_total\\{event="${event}".*\\} (\\d+)$`, 'm').exec(text)?.[1];
  }
}

function signatureOf(id: string): Signature {
  return { id, endpoint: GET_A, pathPattern: `body/${id}`, kind: 'value', transition: 'text → text' };
}

function times(n: number, run: () => void): void {
  for (let i = 0; i < n; i += 1) run();
}

describe('an accepted cluster', () => {
  const until = Date.UTC(2026, 0, 10);

  test('is ignored until its end, in the journal, and another epoch begins when it begins and ends', async () => {
    const rig = await Rig.begin();
    expect(rig.compared('acme', ['a'])).toBe('mismatch');
    expect(await rig.desk.mark(rig.cluster('a'), { state: 'accepted', until }, ANN)).toMatchObject({
      ok: true,
      entry: { action: 'cluster.accepted', actor: 'cli:ann', reason: 'by design', scope: 'GET /a body/a' },
    });
    expect(rig.compared('acme', ['a'])).toBe('ignored');
    expect(rig.compared('acme', ['a', 'b'])).toBe('mismatch');
    rig.clock.advance(until - rig.clock.now());
    expect(rig.compared('acme', ['a'])).toBe('mismatch');
    await rig.desk.tick();
    expect(await rig.actions()).toEqual(['cluster.reopened', 'cluster.accepted']);
    expect(rig.epochs).toEqual([expect.stringMatching(/^r\+/), 'r']);
  });

  test('stays accepted after a restart', async () => {
    const rig = await Rig.begin();
    rig.compared('acme', ['a']);
    await rig.desk.mark(rig.cluster('a'), { state: 'accepted', until, owner: 'shop', counts: true }, ANN);
    await rig.restart();
    expect(rig.desk.markOf('a')).toMatchObject({ state: 'accepted', owner: 'shop', until, endpoints: ['GET /a'] });
    expect(rig.compared('acme', ['a'])).toBe('match');
    expect(rulesWith('r', rig.controller.state.marks, rig.clock.now())).not.toBe('r');
  });

  test('without reason or end is refused, and nothing changes', async () => {
    const rig = await Rig.begin();
    rig.compared('acme', ['a']);
    const silent = { actor: 'cli:ann', reason: '' };
    expect(await rig.desk.mark(rig.cluster('a'), { state: 'accepted', until }, silent)).toMatchObject({ ok: false });
    expect(await rig.desk.mark(rig.cluster('a'), { state: 'accepted' }, ANN)).toMatchObject({ ok: false });
    expect(rig.compared('acme', ['a'])).toBe('mismatch');
    expect(await rig.actions()).toEqual([]);
  });
});

describe('a cluster is fixed', () => {
  test('by itself, once a new version was compared often enough where it struck', async () => {
    const rig = await Rig.begin();
    times(40, () => rig.compared('acme', ['a']));
    rig.version = '2';
    times(29, () => rig.compared('acme', []));
    await rig.desk.tick();
    expect(await rig.actions()).toEqual([]);
    rig.compared('acme', []);
    await rig.desk.tick();
    expect(rig.desk.markOf('a')).toMatchObject({ state: 'fixed', actor: 'controller' });
    expect(await rig.actions()).toEqual(['cluster.fixed']);
    expect(rig.metric('fixed')).toBe('1');
  });

  test('and says so when it comes back: in the journal, in the log, in the metric, once', async () => {
    const rig = await Rig.begin();
    rig.compared('acme', ['a']);
    await rig.desk.mark(rig.cluster('a'), { state: 'fixed' }, ANN);
    rig.version = '2';
    times(3, () => rig.compared('acme', ['a']));
    await rig.desk.tick();
    await expect.poll(() => rig.desk.markOf('a')?.state).toBe('returned');
    expect(await rig.actions()).toEqual(['cluster.returned', 'cluster.fixed']);
    await expect.poll(() => rig.logged.filter((line) => /"level":"warn".*cluster\.returned/.test(line)).length).toBe(1);
    expect(rig.metric('returned')).toBe('1');
    expect(rig.picture().ranked[0]).toMatchObject({ id: 'a', state: 'returned' });
  });

  test('by a person ahead of its release: the version that still has it does not bring it back', async () => {
    const rig = await Rig.begin();
    rig.compared('acme', ['a']);
    await rig.desk.mark(rig.cluster('a'), { state: 'fixed' }, ANN);
    rig.compared('acme', ['a']);
    await rig.desk.tick();
    expect(rig.desk.markOf('a')).toMatchObject({ state: 'fixed', stillIn: '1' });
  });

  test('is not what an accepted one becomes, however quiet it is', async () => {
    const rig = await Rig.begin();
    times(40, () => rig.compared('acme', ['a']));
    await rig.desk.mark(rig.cluster('a'), { state: 'accepted', until: Date.UTC(2026, 0, 2) }, ANN);
    rig.version = '2';
    times(100, () => rig.compared('acme', []));
    await rig.desk.tick();
    expect(rig.desk.markOf('a')?.state).toBe('accepted');
    await rig.desk.mark(rig.cluster('a'), { state: 'open' }, ANN);
    await rig.desk.tick();
    expect(rig.desk.markOf('a')?.state).not.toBe('fixed');
  });
});

describe('the picture', () => {
  test('ranks clusters by what they stand in the way of, and says what fixing some opens', async () => {
    const rig = await Rig.begin();
    rig.serve('acme', 60);
    rig.serve('bolt', 30);
    rig.serve('clean', 10);
    times(9, () => rig.compared('bolt', ['often']));
    rig.compared('acme', ['rare']);
    rig.compared('clean', []);
    const { ranked, unlock } = rig.picture();
    expect(ranked.map(({ id, rank, opens }) => [id, rank, opens])).toEqual([
      ['rare', 1, { cells: 1, share: 0.6 }],
      ['often', 2, { cells: 1, share: 0.3 }],
    ]);
    expect(unlock.blocked).toEqual({ cells: 2, share: 0.9 });
    expect(unlock.plans.find(({ fixes }) => fixes === 3)?.sentence).toBe(
      'Fixing these 2 differences would open 2 cells, +90.0 % of traffic.',
    );
  });

  test('forgets what struck the version before, and remembers what struck this one over a restart', async () => {
    const rig = await Rig.begin();
    rig.serve('acme', 1);
    rig.compared('acme', ['a']);
    await rig.restart();
    expect(rig.picture().unlock.blocked.cells).toBe(1);
    await rig.restart('other rules');
    expect(rig.picture().unlock.blocked.cells).toBe(0);
    rig.compared('acme', ['a']);
    rig.version = '2';
    rig.compared('acme', []);
    expect(rig.picture().unlock.blocked.cells).toBe(0);
  });

  test('marks what appeared with the present version as new', async () => {
    const rig = await Rig.begin();
    rig.compared('acme', ['old']);
    expect(rig.picture().ranked[0]?.isNew).toBe(false);
    rig.version = '2';
    rig.compared('acme', ['young']);
    const isNew = new Map(rig.picture().ranked.map((one) => [one.id, one.isNew]));
    expect([...isNew].sort()).toEqual([
      ['old', false],
      ['young', true],
    ]);
  });

  test('an accepted cluster blocks nothing', async () => {
    const rig = await Rig.begin();
    rig.serve('acme', 1);
    rig.compared('acme', ['a']);
    await rig.desk.mark(rig.cluster('a'), { state: 'accepted', until: Date.UTC(2026, 0, 2) }, ANN);
    expect(rig.picture().unlock.blocked.cells).toBe(0);
    expect(rig.desk.strikes.blocking(cellKey('acme' as TenantId, GET_A)).clusters).toEqual([]);
  });
});
