import type { RankedCluster, UnlockView } from '../../src/api/cluster-types.ts';
import type { CellView, Endpoint, JournalView, Mismatch, MismatchSummary, Status } from '../../src/api/types.ts';

const QUANTILES = { p50: 1.5, p95: 12, p99: 1_250 };
const AT = Date.UTC(2026, 0, 2, 3, 4, 5);

/** Answers of the control API as they are in ordinary life; a test changes what it is about. */
export const statusSample: Status = {
  version: '1.0.0',
  startedAt: AT,
  now: AT + 60_000,
  revision: 7,
  plan: {
    revision: 3,
    hash: 'ab'.repeat(32),
    from: 'file',
    at: AT,
    actor: 'config',
    reason: '',
    file: { name: 'cutover.yaml', state: 'inForce', problems: [], refusedAt: null },
  },
  state: 'serving',
  sides: {
    control: {
      targets: [{ target: 'http://10.0.0.1:3000', healthy: true, outstanding: 0, reason: '' }],
      version: '41',
    },
    candidate: {
      targets: [{ target: 'http://10.0.0.2:3000', healthy: false, outstanding: 0, reason: 'refused' }],
      version: 'unknown',
    },
  },
  requests: 12_345,
  served: { control: 12_000, candidate: 345 },
  failed: 1,
  failedOver: 2,
  candidatePpm: 28_000,
  verdicts: { match: 990, ignored: 2, mismatch: 10, inconclusive: 1 },
  unverified: { budget: 4, 'not-modified': 0 },
  parity: 0.99,
  verifiedShare: 0.081,
  latencyMs: { control: QUANTILES, candidate: QUANTILES, added: { p50: null, p95: null, p99: null } },
  latches: [],
  cells: { observing: 3, open: 1, renewing: 0, held: 0, closed: 0, latched: 0 },
  endpoints: 4,
  clusters: 2,
  noisePaths: 3,
  warnings: [],
  missing: ['GET /orders/{id} lacks 31 matches'],
};

export const endpointSample: Endpoint = {
  endpoint: 'GET /orders/{id}',
  origin: 'found',
  proof: 'endpoint',
  dialPpm: 50_000,
  maxPpm: 1_000_000,
  mirrorPpm: 100_000,
  moves: true,
  served: { control: 1_000, candidate: 50 },
  verdicts: { match: 95, ignored: 0, mismatch: 5, inconclusive: 0 },
  unverified: 3,
  parity: 0.95,
  tenants: 2,
  latencyMs: { control: QUANTILES, candidate: QUANTILES },
  noise: [],
  clusters: 1,
};

export const cellSample: CellView = {
  tenant: 'acme.example',
  endpoint: 'GET /orders/{id}',
  state: 'observing',
  served: { control: 1_000, candidate: 0 },
  verdicts: { match: 95, ignored: 0, mismatch: 5, inconclusive: 0 },
  unverified: 3,
  parity: 0.95,
  dialPpm: 50_000,
  missing: '236 more matches',
};

const difference = { path: 'body/total', kind: 'value', control: '10', candidate: '11' } as const;

export const clusterSample: RankedCluster = {
  id: '3f9a1c0be412',
  endpoint: 'GET /orders/{id}',
  pathPattern: 'body/total',
  kind: 'value',
  transition: 'number → number',
  count: 10,
  tenants: 2,
  firstSeen: AT,
  lastSeen: AT + 1_000,
  firstVersion: 'unknown',
  lastVersion: 'unknown',
  endpoints: [{ endpoint: 'GET /orders/{id}', count: 10 }],
  example: 'm3k2a9x01',
  difference,
  rank: 1,
  state: 'open',
  isNew: false,
  opens: { cells: 2, share: 0.182 },
  blocks: { cells: 3, share: 0.2 },
  alike: [],
};

export const unlockSample: UnlockView = {
  blocked: { cells: 3, share: 0.2 },
  crowded: 0,
  plans: [
    {
      fixes: 1,
      clusters: ['3f9a1c0be412'],
      opens: { cells: 2, share: 0.182 },
      sentence: 'Fixing this difference would open 2 cells, +18.2 % of traffic.',
    },
  ],
};

export const mismatchSummarySample: MismatchSummary = {
  id: 'm3k2a9x01',
  at: AT,
  tenant: 'acme.example',
  endpoint: 'GET /orders/{id}',
  cluster: '3f9a1c0be412',
  method: 'GET',
  target: '/orders/17?expand=lines',
  direction: 'forward',
  intermittent: false,
  differences: [difference],
  differenceCount: 1,
};

export const mismatchSample: Mismatch = {
  ...mismatchSummarySample,
  request: { method: 'GET', target: '/orders/17?expand=lines', headers: [['Host', 'acme.example']], secrets: [] },
  control: { status: 200, headers: [], body: '{"total":10}', bodyBytes: 12 },
  candidate: { failure: 'timeout' },
  versions: { control: '41', candidate: 'unknown' },
  durationsMs: { control: 12, candidate: 1_300 },
};

export const journalSample: JournalView = {
  sequence: 3,
  at: AT,
  actor: 'cli:ann',
  action: 'rollback',
  scope: 'all',
  reason: 'wrong totals',
  revision: 7,
  hash: '3d'.repeat(32),
};
