import http from 'node:http';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Section, type SectionOptions } from '../section.ts';
import { startPipeline, type Told } from '../sessions/pipeline.ts';
import { type MixUp, type Shop, startShop } from '../sessions/shop.ts';
import { visit } from '../sessions/visitor.ts';

/** Visits at the same time. */
const AT_ONCE = 8;
/** Requests that comparing may lie behind serving when a visit begins. */
const MOST_BEHIND = 100;
const LOGIN = 'POST /login';
/** Share of answers that are somebody else's, from a tenth of the visits on. */
const MIXED_UP = 0.02;
const SETTLE_MS = 60_000;

/**
 * Scripted visits to two shops that name everything themselves, with the live one serving and the other mirrored.
 * First both are right: every request that does not end in a match counts as wrong. Then the rewrite hands out what is
 * somebody else's: each time it must be a mismatch of kind `alias`.
 */
export const sessions: BenchSection = {
  name: 'sessions',
  async run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const visits = quick ? 100 : 1_000;
    const clean = await run({ seed, visits, mixUp: 0, progress });
    const mixed = await run({ seed, visits, mixUp: MIXED_UP, progress });
    const wrong = new Set(clean.told.filter((one) => verdictOf(one) !== 'match').map(({ tenant }) => tenant));
    const planted = fair(distinct(mixed.shop.mixedUp));
    const missed = missing(planted, mixed.told, isMismatch);
    const notNamed = missing(planted, mixed.told, isAlias);
    const mismatches = clean.told.filter((one) => verdictOf(one) === 'mismatch').length;
    const wholeVisits = visits - [...wrong].filter((tenant) => tenant !== `v${visits}`).length;
    return {
      title: `${visits} visits with logins, orders and cursors of each side's own, ${AT_ONCE} at a time, as fast as they are compared`,
      rows: [
        {
          figure: 'visits verified from end to end',
          value: percent(wholeVisits, visits),
          target: '≥ 99 %',
          met: wholeVisits >= 0.99 * visits && clean.told.length >= clean.requests,
        },
        { figure: 'mismatches where there are none', value: String(mismatches), target: '0', met: mismatches === 0 },
        {
          figure: 'planted mix-ups found',
          value: `${percent(planted.length - missed.length, planted.length)} of ${planted.length}`,
          target: '100 %',
          met: missed.length === 0 && planted.length > 0,
        },
        {
          figure: 'of these told as a name that stands for two things (kind alias)',
          value: percent(planted.length - notNamed.length, planted.length),
        },
        {
          figure: 'requests served a second, mirrored and compared',
          value: (clean.requests / clean.seconds).toFixed(0),
        },
      ],
      tables: [
        { title: 'Both right', columns: ['outcome', 'requests'], rows: outcomes(clean.told) },
        { title: 'With mix-ups', columns: ['outcome', 'requests'], rows: outcomes(mixed.told) },
        { title: 'Planted and missed', columns: ['who', 'endpoint', 'outcome'], rows: missed },
      ],
    };
  },
};

interface Run {
  readonly shop: Shop;
  readonly requests: number;
  readonly seconds: number;
  readonly told: readonly Told[];
}

interface Plan {
  readonly seed: number;
  readonly visits: number;
  readonly mixUp: number;
  readonly progress: (text: string) => void;
}

async function run({ seed, visits, mixUp, progress }: Plan): Promise<Run> {
  const control = await startShop(`control ${seed}`, 1_000);
  const shop = await startShop(`candidate ${seed}`, 700_000);
  const pipeline = await startPipeline(configOf(control.url, shop.url));
  const agent = new http.Agent({ keepAlive: true, maxSockets: AT_ONCE });
  let requests = 0;
  try {
    // The comparing threads are there once they have answered.
    requests += await visit(pipeline.port, visits, agent);
    await pipeline.settled(requests, SETTLE_MS);
    const startedAt = performance.now();
    const order = new Random('visits', seed).shuffled(Array.from({ length: visits }, (_, at) => at));
    const visitor = async (): Promise<void> => {
      for (let next = order.pop(); next !== undefined; next = order.pop()) {
        if (mixUp > 0 && order.length < 0.9 * visits) shop.mixUp(mixUp);
        // Serving is faster than comparing; what comes faster than it can be compared is unverified, and no question of sessions.
        await pipeline.settled(requests - MOST_BEHIND, SETTLE_MS);
        const asked = await visit(pipeline.port, next, agent);
        requests += asked;
        if (order.length > 0 && order.length % 200 === 0) progress(`${visits - order.length} visits`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, visitor));
    const seconds = (performance.now() - startedAt) / 1_000;
    await pipeline.settled(requests, SETTLE_MS);
    return { shop, requests, seconds, told: pipeline.told };
  } finally {
    agent.destroy();
    await pipeline.close();
    await Promise.all([control.close(), shop.close()]);
  }
}

/** Both shops keep everything for themselves; what has effects is mirrored too. */
export function configOf(control: string, candidate: string): unknown {
  const writes = [LOGIN, 'POST /orders'].map((match) => ({ match, mirrorWrites: true }));
  return {
    listen: '127.0.0.1:0',
    control: { url: control },
    candidate: { url: candidate, data: 'own' },
    // A tenant for each visit, so that each has verdicts of its own.
    identity: { tenant: [{ header: 'x-visitor' }], subject: [{ header: 'x-visitor' }] },
    sessions: { own: ['cookie:sid'] },
    defaults: { mirror: '100%' },
    endpoints: [...writes, { match: 'GET /orders/{id}' }, { match: 'GET /invoices/{id}' }, { match: 'GET /orders' }],
    mirror: { perSecond: 100_000, concurrency: 1_000, repeats: { share: '100%', perSecond: 1_000 } },
    compare: { queue: 10_000 },
  };
}

function verdictOf({ verified, reason }: Told): string {
  return verified === undefined ? `unverified: ${reason}` : verified.result.verdict;
}

function outcomes(told: readonly Told[]): string[][] {
  const counts = new Map<string, number>();
  for (const one of told) {
    const { verified } = one;
    const cause = verified?.result.signature;
    const shown = [
      verdictOf(one),
      verified?.result.reason,
      cause === undefined ? undefined : `${one.endpoint} ${cause.pathPattern} ${cause.kind} ${cause.transition}`,
    ];
    const name = shown.filter((part) => part !== undefined).join(', ');
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => [name, String(count)]);
}

/**
 * Mix-ups that nothing found tells of, with what became of their requests. Of two answers that hold one
 * thing the one that is compared later is told, so a mix-up may be told where the owner got it. Each place counts once:
 * the candidate that is asked again to confirm a mismatch may mix things up again.
 */
function missing(planted: readonly MixUp[], told: readonly Told[], isFound: (one: Told) => boolean): string[][] {
  const found = new Set(told.filter(isFound).map(({ tenant, endpoint }) => `${tenant} ${endpoint}`));
  return planted
    .filter(
      ({ visitor, owner, endpoint }) => !found.has(`${visitor} ${endpoint}`) && !found.has(`${owner} ${endpoint}`),
    )
    .map(({ visitor, owner, endpoint }) => [
      `${visitor} got what is ${owner}'s`,
      endpoint,
      became(visitor, endpoint, told),
    ]);
}

function isMismatch({ verified }: Told): boolean {
  return verified?.result.verdict === 'mismatch';
}

function isAlias(one: Told): boolean {
  return isMismatch(one) && one.verified?.result.signature?.kind === 'alias';
}

function became(visitor: string, endpoint: string, told: readonly Told[]): string {
  const own = told.filter((one) => one.tenant === visitor && one.endpoint === endpoint);
  return own.map((one) => `${verdictOf(one)} ${one.verified?.result.reason ?? ''}`.trim()).join('; ');
}

/**
 * Whose own log-in was mixed up never got what was theirs: whoever gets it later is the first, and nobody can tell.
 */
function fair(planted: readonly MixUp[]): MixUp[] {
  const robbed = new Set(planted.filter(({ endpoint }) => endpoint === LOGIN).map(({ visitor }) => visitor));
  return planted.filter(({ endpoint, owner }) => endpoint !== LOGIN || !robbed.has(owner));
}

/** Each place once. */
function distinct(planted: readonly MixUp[]): MixUp[] {
  return [...new Map(planted.map((mixUp) => [`${mixUp.visitor} ${mixUp.endpoint}`, mixUp])).values()];
}
