import http from 'node:http';
import type { z } from 'zod';
import { cell, mismatchSummary, status } from '../../../src/api/types.ts';
import { Random } from '../random.ts';
import { type BenchSection, percent, type Section, type SectionOptions } from '../section.ts';
import { configOf, LOGIN } from '../sessions/config.ts';
import { type RealCutover, startRealCutover, startRealShop } from '../sessions/real-run.ts';
import type { MixUp } from '../sessions/shop.ts';
import { visit } from '../sessions/visitor.ts';

/** Visits that begin each second, on average. */
const ARRIVALS = 4;
/** Mean of the time between an answer and the visitor's next request; drawn from an exponential distribution, at most five times as long. */
const THINK_MS = 1_000;
/** Share of the rewrite's answers that are somebody else's, in the second part. */
const MIXED_UP = 0.02;
const SETTLE_MS = 60_000;
const POLL_MS = 250;

/**
 * Scripted visits to two shops that name everything themselves, each in a process of its own, through a `cutover run` with
 * load shedding on, at the pace of people. First both are right: every request that does not end in a match counts as wrong.
 * Then the rewrite hands out what is somebody else's: each time it must be a mismatch. Read from the control API.
 */
export const sessions: BenchSection = {
  name: 'sessions',
  async run({ seed, quick, progress }: SectionOptions): Promise<Section> {
    const visits = quick ? 100 : 1_000;
    const control = await startRealShop(`control ${seed}`, 1_000);
    const shop = await startRealShop(`candidate ${seed}`, 700_000);
    const cutover = await startRealCutover({
      ...configOf(control.url, shop.url),
      // Twice what comes: every request of a session is mirrored.
      mirror: { perSecond: 200 },
    });
    try {
      const clean = await part(cutover, { seed, from: 0, visits, progress });
      const before = await outcomes(cutover);
      shop.mixUp(MIXED_UP);
      await part(cutover, { seed, from: visits, visits: visits / 2, progress });
      return sectionOf({
        visits,
        requests: clean.requests,
        seconds: clean.seconds,
        clean: before,
        mixed: await outcomes(cutover),
        mixedUp: fair(distinct(await shop.mixedUp())),
      });
    } finally {
      await cutover.close();
      await Promise.all([control.close(), shop.close()]);
    }
  },
};

interface Plan {
  readonly seed: number;
  readonly from: number;
  readonly visits: number;
  readonly progress: (text: string) => void;
}

/** Lets visitors come as people do, and waits until everything is told of. */
async function part(
  cutover: RealCutover,
  { seed, from, visits, progress }: Plan,
): Promise<{ requests: number; seconds: number }> {
  const agent = new http.Agent({ keepAlive: true });
  const random = new Random('arrivals', seed, from);
  const begun: Promise<number>[] = [];
  const startedAt = performance.now();
  const before = told(await cutover.get('status', status));
  let due = 0;
  try {
    for (let number = from; number < from + visits; number++) {
      due += exponential(random, 1_000 / ARRIVALS);
      await pause(startedAt + due - performance.now());
      const own = new Random('visit', seed, number);
      begun.push(visit(cutover.port, number, agent, () => pause(exponential(own, THINK_MS))));
      if (begun.length % 200 === 0) progress(`${begun.length} visits have begun`);
    }
    const requests = (await Promise.all(begun)).reduce((sum, asked) => sum + asked, 0);
    const seconds = (performance.now() - startedAt) / 1_000;
    await settled(cutover, before + requests);
    return { requests, seconds };
  } finally {
    agent.destroy();
  }
}

async function settled(cutover: RealCutover, requests: number): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (told(await cutover.get('status', status)) < requests && performance.now() < deadline) await pause(POLL_MS);
}

function told({ verdicts, unverified }: z.infer<typeof status>): number {
  return sum(Object.values(verdicts)) + sum(Object.values(unverified));
}

interface Outcomes {
  readonly status: z.infer<typeof status>;
  readonly cells: readonly z.infer<typeof cell>[];
  readonly mismatches: readonly z.infer<typeof mismatchSummary>[];
}

async function outcomes(cutover: RealCutover): Promise<Outcomes> {
  return {
    status: await cutover.get('status', status),
    cells: await cutover.all('cells', cell),
    mismatches: await cutover.all('mismatches', mismatchSummary),
  };
}

interface Measured {
  readonly visits: number;
  readonly requests: number;
  readonly seconds: number;
  readonly clean: Outcomes;
  readonly mixed: Outcomes;
  readonly mixedUp: readonly MixUp[];
}

function sectionOf({ visits, requests, seconds, clean, mixed, mixedUp }: Measured): Section {
  const matches = new Map<string, number>();
  const wrong = new Set<string>();
  for (const { tenant, verdicts, unverified } of clean.cells) {
    matches.set(tenant, (matches.get(tenant) ?? 0) + verdicts.match);
    if (unverified + verdicts.mismatch + verdicts.inconclusive + verdicts.ignored > 0) wrong.add(tenant);
  }
  const perVisit = requests / visits;
  const whole = [...matches].filter(([tenant, count]) => !wrong.has(tenant) && count === perVisit).length;
  const found = new Set(mixed.cells.filter(({ verdicts }) => verdicts.mismatch > 0).map(placeOf));
  const named = new Set(mixed.mismatches.filter(isAlias).map(placeOf));
  const missed = missing(mixedUp, found);
  return {
    title: `${visits} visits with logins, orders and cursors of each side's own through cutover run, ${ARRIVALS} a second, ${THINK_MS} ms between requests`,
    rows: [
      {
        figure: 'visits verified from end to end',
        value: percent(whole, visits),
        target: '≥ 99 %',
        met: whole >= 0.99 * visits,
      },
      { figure: `requests that are matches, of ${requests}`, value: percent(clean.status.verdicts.match, requests, 2) },
      {
        figure: 'mismatches where there are none',
        value: String(clean.status.verdicts.mismatch),
        target: '0',
        met: clean.status.verdicts.mismatch === 0,
      },
      {
        figure: 'planted mix-ups found',
        value: `${percent(mixedUp.length - missed.length, mixedUp.length)} of ${mixedUp.length}`,
        target: '100 %',
        met: missed.length === 0 && mixedUp.length > 0,
      },
      {
        figure: 'of these told as a name that stands for two things (kind alias)',
        value: percent(mixedUp.length - missing(mixedUp, named).length, mixedUp.length),
      },
      { figure: 'requests served a second, all mirrored', value: (requests / seconds).toFixed(0) },
    ],
    tables: [
      { title: 'Both right', columns: ['outcome', 'requests'], rows: counts(clean.status) },
      { title: 'Both parts', columns: ['outcome', 'requests'], rows: counts(mixed.status) },
      {
        title: 'Planted and missed',
        columns: ['who', 'endpoint', 'outcome'],
        rows: missed.map((mixUp) => [
          `${mixUp.visitor} got what is ${mixUp.owner}'s`,
          mixUp.endpoint,
          became(mixUp, mixed),
        ]),
      },
    ],
    details: clean.mismatches.map(
      ({ tenant, endpoint, differences }) => `${tenant} ${endpoint} ${JSON.stringify(differences)}`,
    ),
  };
}

/**
 * Mix-ups that nothing found tells of. Of two answers that hold one thing the one that is compared later is told, so a mix-up
 * may be told where the owner got it. Each place counts once: the candidate that is asked again to confirm a mismatch may
 * mix things up again.
 */
function missing(planted: readonly MixUp[], found: ReadonlySet<string>): MixUp[] {
  return planted.filter(
    ({ visitor, owner, endpoint }) => !found.has(`${visitor} ${endpoint}`) && !found.has(`${owner} ${endpoint}`),
  );
}

function placeOf({ tenant, endpoint }: { readonly tenant: string; readonly endpoint: string }): string {
  return `${tenant} ${endpoint}`;
}

function isAlias({ differences }: z.infer<typeof mismatchSummary>): boolean {
  return differences.some(({ kind }) => kind === 'alias');
}

function became({ visitor, endpoint }: MixUp, { cells }: Outcomes): string {
  const own = cells.find((one) => one.tenant === visitor && one.endpoint === endpoint);
  return own === undefined ? 'no cell' : `${JSON.stringify(own.verdicts)}, ${own.unverified} unverified`;
}

function counts({ verdicts, unverified }: z.infer<typeof status>): string[][] {
  return [
    ...Object.entries(verdicts),
    ...Object.entries(unverified).map(([reason, count]) => [`unverified: ${reason}`, count] as const),
  ].flatMap(([name, count]) => (count === 0 ? [] : [[name, String(count)]]));
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

function exponential(random: Random, meanMs: number): number {
  return Math.min(5, -Math.log(1 - random.next())) * meanMs;
}

function pause(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
