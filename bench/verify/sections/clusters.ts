import type { TenantId } from '../../../src/core/cell.ts';
import type { Answer, Exchange } from '../../../src/core/observation.ts';
import { signaturesOf } from '../../../src/core/verdict.ts';
import { ClusterBook } from '../../../src/verifier/clusters.ts';
import { Comparer } from '../../../src/verifier/comparer.ts';
import { BUGS, type Bug } from '../clusters/bugs.ts';
import { type Draft, PLACES, type Place, written } from '../clusters/shop.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Section, type SectionOptions } from '../section.ts';
import { HEADERS } from '../trial.ts';

const LEARNING = 40;
const TENANTS = 24;
const BEGIN = Date.parse('2026-05-10T08:00:00Z');
/** Clusters that thirty bugs may make, and the share of them that must be of one bug. */
const MAX_CLUSTERS = 36;
const MIN_PURITY = 0.95;
/** Stands for what no single bug makes. */
const NO_BUG = '(none of them alone)';

/** How often each bug was counted in each cluster. */
type Counts = Map<string, Map<string, number>>;

/** Thirty mistakes at once, with noise, over eighteen endpoints and 24 tenants: how many clusters, and how pure. */
export const clusters: BenchSection = {
  name: 'clusters',
  run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const trial = new ClusterTrial(seed);
    const rounds = quick ? 20 : 120;
    for (const [at, place] of PLACES.entries()) {
      progress(`clusters: ${at + 1} of ${PLACES.length}, ${place.endpoint}`);
      trial.at(place, rounds);
    }
    return Promise.resolve(trial.section());
  },
};

class ClusterTrial {
  readonly #seed: number;
  readonly #book = new ClusterBook();
  readonly #counts: Counts = new Map();
  #exchanges = 0;
  #mismatches = 0;
  #several = 0;

  constructor(seed: number) {
    this.#seed = seed;
  }

  at(place: Place, rounds: number): void {
    const comparer = new Comparer({
      policy: { rules: [], headers: [...HEADERS, 'x-frame-options'], keyOrder: false },
      limits: { maxDecodedBytes: 1024 * 1024, timeoutMs: 60_000 },
    });
    for (let n = 0; n < LEARNING; n += 1) {
      const { exchange } = this.#exchange(place, n, []);
      if (exchange.control.kind === 'answer')
        comparer.learn(
          place.endpoint,
          exchange.request,
          exchange.control,
          exchange.candidate,
          exchange.gapMs,
          exchange.at,
        );
    }
    for (let n = 0; n < rounds; n += 1) {
      const active = this.#activeAt(place, n);
      const { exchange, alone } = this.#exchange(place, LEARNING + n, active);
      const result = comparer.compare(exchange);
      this.#exchanges += 1;
      if (result.verdict !== 'mismatch') continue;
      this.#mismatches += 1;
      const signatures = signaturesOf(result);
      if (signatures.length > 1) this.#several += 1;
      this.#book.add({
        id: exchange.id,
        at: exchange.at,
        cell: exchange.cell,
        direction: exchange.direction,
        versions: exchange.versions,
        requestHash: '',
        result,
        statuses: { control: 200, candidate: 200 },
        durationsMs: { control: 1, candidate: 1 },
      });
      // The truth: which bug, planted alone, names this cluster.
      const made = new Map(
        alone.map(([bug, one]) => [bug.name, signaturesOf(comparer.compare(one)).map(({ id }) => id)]),
      );
      for (const { id } of signatures) {
        const bugs = [...made].filter(([, ids]) => ids.includes(id)).map(([name]) => name);
        for (const bug of bugs.length === 0 ? [NO_BUG] : bugs) this.#count(id, bug);
      }
    }
  }

  #count(cluster: string, bug: string): void {
    const counts = this.#counts.get(cluster) ?? new Map<string, number>();
    this.#counts.set(cluster, counts);
    counts.set(bug, (counts.get(bug) ?? 0) + 1);
  }

  #activeAt(place: Place, n: number): readonly Bug[] {
    const random = new Random(this.#seed, 'bugs', place.endpoint, n);
    return BUGS.filter((bug) => {
      if (!bug.at.includes('*') && !bug.at.includes(place.kind)) return false;
      if (bug.everyTenant !== undefined && (n % TENANTS) % bug.everyTenant !== 0) return false;
      return random.chance(bug.share ?? 1);
    });
  }

  /** One request, answered by both sides; and the same with each bug alone. */
  #exchange(place: Place, n: number, bugs: readonly Bug[]): { exchange: Exchange; alone: [Bug, Exchange][] } {
    const item = new Random(this.#seed, 'item', place.endpoint, n).integer(1, 500);
    const at = BEGIN + n * 60_000;
    const answered = (side: string, struck: readonly Bug[]): Answer => {
      const draft = place.make(item, new Random(this.#seed, 'make', place.endpoint, item));
      for (const bug of struck) bug.strike(draft);
      return answerOf(draft, side === 'control' ? at + 5 : at + 60, new Random(this.#seed, place.endpoint, n, side));
    };
    const pair = (struck: readonly Bug[]): Exchange => ({
      id: `${n}`,
      at,
      cell: { tenant: `t${n % TENANTS}` as TenantId, endpoint: place.endpoint },
      direction: 'forward',
      request: { method: 'GET', target: `/${item}`, headers: [['Host', 'shop.example']] },
      control: answered('control', []),
      candidate: answered('candidate', struck),
      gapMs: 55,
      versions: { control: '1', candidate: '2' },
    });
    return { exchange: pair(bugs), alone: bugs.map((bug) => [bug, pair([bug])]) };
  }

  section(): Section {
    const rows = [...this.#counts].map(([id, counts]) => {
      const sorted = [...counts].sort((a, b) => b[1] - a[1]);
      const total = sorted.reduce((sum, [, count]) => sum + count, 0);
      return { id, bug: sorted[0]?.[0] ?? '', most: sorted[0]?.[1] ?? 0, total, others: sorted.slice(1) };
    });
    const total = rows.reduce((sum, row) => sum + row.total, 0);
    const pure = rows.reduce((sum, row) => sum + (row.bug === NO_BUG ? 0 : row.most), 0);
    const found = new Set(rows.map(({ bug }) => bug));
    const missed = BUGS.filter(({ name }) => !found.has(name)).map(({ name }) => name);
    const count = this.#book.clusters.length;
    return {
      title: 'Causes: thirty mistakes at once become so many clusters',
      rows: [
        {
          figure: `clusters of ${BUGS.length} bugs`,
          value: String(count),
          target: `≤ ${MAX_CLUSTERS}`,
          met: count <= MAX_CLUSTERS,
        },
        {
          figure: 'purity: counts that belong to the bug of their cluster',
          value: percent(pure, total, 2),
          target: '≥ 95 %',
          met: pure / total >= MIN_PURITY,
        },
        {
          figure: 'bugs with a cluster of their own',
          value: `${BUGS.length - missed.length} of ${BUGS.length}`,
          target: 'all',
          met: missed.length === 0,
        },
        {
          figure: `mismatches of several causes, of ${this.#mismatches} in ${this.#exchanges} exchanges`,
          value: percent(this.#several, this.#mismatches),
        },
      ],
      tables: [
        {
          title: 'Clusters',
          columns: ['bug', 'place', 'change', 'endpoints', 'count'],
          rows: this.#book.clusters.map((cluster) => [
            rows.find(({ id }) => id === cluster.id)?.bug ?? '',
            `${cluster.pathPattern} ${cluster.kind}`,
            cluster.transition,
            String(cluster.endpoints.length),
            String(cluster.count),
          ]),
        },
      ],
      details: [
        ...missed.map((name) => `no cluster of its own: ${name}`),
        ...rows.flatMap(({ id, bug, others }) =>
          others.map(([other, n]) => `${id} of ${bug} also counts ${other}: ${n}`),
        ),
      ],
    };
  }
}

function answerOf(draft: Draft, at: number, random: Random): Answer {
  const { status, headers, text } = written(draft, { at, random });
  const body = Buffer.from(text);
  return { kind: 'answer', status, headers, body, bodyBytes: body.length, firstByteMs: 1, durationMs: 2 };
}
