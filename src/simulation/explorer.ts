import { stringify } from 'yaml';
import { Random } from './random.ts';
import { planOf, type ReadPlan, readData } from './read-scenario.ts';
import type { SimulationResult } from './result.ts';
import { simulate } from './simulate.ts';
import { INVARIANTS, type Invariant, type Violation } from './witness.ts';

/** A scenario file as plain data, small enough that very many can be tried. */
export interface RandomWorld {
  readonly duration: string;
  readonly proxies: number;
  readonly storeLatency: string;
  readonly traffic: Readonly<Record<string, unknown>> & {
    readonly endpoints: readonly string[];
    readonly tenants: number;
  };
  readonly control: Readonly<Record<string, unknown>>;
  readonly candidate: Readonly<Record<string, unknown>> & { readonly differences: readonly unknown[] };
  readonly events: readonly Readonly<Record<string, unknown>>[];
  readonly plan: Readonly<Record<string, unknown>>;
}

/** What broke, in the smallest world found that breaks in the same way. */
export interface Broken {
  readonly seed: number;
  readonly violation: Violation;
  /** A scenario file that shows it, with the same seed. */
  readonly scenario: string;
}

const ENDPOINTS = ['GET /a', 'GET /b', 'POST /c'] as const;
const MAX_EVENTS = 8;
/** Different plans: reading one takes as long as trying it, so they come again. */
const PLANS = 500;
/** Share of worlds that go on long enough for what waits for the store, which is tried again after 30 s. */
const LONG = 0.2;

/** The world of a seed: a minute at most, up to 25 requests a second, evidence that comes quickly, and anything may happen. */
export function randomWorld(seed: number): RandomWorld {
  const random = new Random(seed, 'world');
  const seconds = random.chance(LONG) ? 25 + random.below(36) : 10 + random.below(15);
  const proxies = 1 + random.below(3);
  const number = random.below(PLANS);
  const endpoints = ENDPOINTS.slice(0, 1 + (number % ENDPOINTS.length));
  const tenants = 1 + random.below(4);
  return {
    duration: `${seconds}s`,
    proxies,
    storeLatency: `${random.pick([0, 1, 5, 40, 120, 300])}ms`,
    traffic: {
      rps: random.pick([3, 6, 12, 25]),
      tenants,
      zipf: 0.5,
      endpoints,
      subjects: 1 + random.below(20),
      requests: 200,
    },
    control: { errorRate: random.pick(['0%', '0%', '0%', '2%', '20%']), noise: random.pick(['0%', '0%', '3%', '15%']) },
    candidate: {
      errorRate: random.pick(['0%', '0%', '0%', '2%', '10%']),
      latencyMs: random.pick<unknown>([20, 20, { p50: 50, p99: 2_000 }]),
      differences: Array.from({ length: random.below(3) }, () => randomDifference(random, endpoints, seconds)),
    },
    events: Array.from({ length: random.below(MAX_EVENTS + 1) }, () =>
      randomEvent(random, { endpoints, seconds, proxies, tenants }),
    ),
    plan: randomPlan(new Random(number, 'plan'), endpoints),
  };
}

function randomDifference(random: Random, endpoints: readonly string[], seconds: number) {
  return {
    endpoint: random.pick(endpoints),
    share: random.pick(['100%', '50%', '10%', '2%']),
    from: `${random.below(seconds)}s`,
    ...(random.chance(0.3) ? { tenants: 1 } : {}),
    ...(random.chance(0.4) ? { version: random.pick(['v1', 'v2', 'v3']) } : {}),
  };
}

interface Frame {
  readonly endpoints: readonly string[];
  readonly seconds: number;
  readonly proxies: number;
  readonly tenants: number;
}

function randomEvent(
  random: Random,
  { endpoints, seconds, proxies, tenants }: Frame,
): Readonly<Record<string, unknown>> {
  const at = `${random.below(seconds * 10) * 100}ms`;
  const lasting = { for: `${1 + random.below(30)}s` };
  const scope = {
    ...(random.chance(0.5) ? { endpoint: random.pick(endpoints) } : {}),
    ...(random.chance(0.3) ? { tenant: `t${1 + random.below(tenants)}` } : {}),
  };
  const proxy = 1 + random.below(proxies);
  return random.pick<() => Readonly<Record<string, unknown>>>([
    () => ({ at, kind: 'deploy', version: random.pick(['v1', 'v2', 'v3']), announced: random.chance(0.5) }),
    () => ({ at, kind: 'deploy', side: 'control', version: 'c2' }),
    () => ({
      at,
      kind: 'errors',
      rate: random.pick(['5%', '50%', '100%']),
      side: random.pick(['candidate', 'control']),
      ...lasting,
    }),
    () => ({ at, kind: 'candidate-down', ...lasting }),
    () => ({ at, kind: 'control-down', ...lasting }),
    () => ({ at, kind: 'traffic', factor: random.pick([0.01, 3]), ...lasting }),
    () => ({ at, kind: 'store-outage', how: random.pick(['fails', 'silent']), ...lasting }),
    () => ({ at, kind: 'controller-crash', ...lasting }),
    () => ({ at, kind: 'proxy-crash', proxy, ...lasting }),
    () => ({ at, kind: 'partition', proxy, ...lasting }),
    () => ({ at, kind: 'clock-jump', by: random.pick(['1h', '-1h', '3s', '-3s', '400d']) }),
    () => ({ at, kind: 'dial', dial: random.pick(['0%', '10%', '50%', '100%']), ...scope }),
    () => ({ at, kind: 'rollback', ...scope }),
    () => ({ at, kind: 'unlatch', ...scope }),
    () => ({ at, kind: 'hold', ...scope }),
    () => ({ at, kind: 'resume', ...scope }),
    () => ({ at, kind: 'pin', side: random.pick(['candidate', 'control']), ...scope, ...lasting }),
  ])();
}

function randomPlan(random: Random, endpoints: readonly string[]) {
  const steps = ['mirror', { dial: '20%' }, { dial: '60%' }, { dial: '100%' }];
  const hasSteps = random.chance(0.5);
  const hasJourney = random.chance(0.3);
  return {
    defaults: {
      mirror: '100%',
      proof: random.pick(['endpoint', 'endpoint', 'cell', 'none']),
      ...(hasSteps ? { steps, dwell: '5s' } : { dial: random.pick(['100%', '50%', '10%']) }),
    },
    endpoints: endpoints.flatMap((match) => {
      const writes = match.startsWith('POST') ? { writes: true } : {};
      if (hasJourney) return [{ match, journey: 'one', ...writes }];
      return match.startsWith('POST') ? [{ match, ...writes }] : [];
    }),
    evidence: {
      cellLimit: random.pick(['10%', '20%']),
      pooledLimit: random.pick(['10%', '5%']),
      minRequests: 3,
      minTenants: 1 + random.below(2),
      minSpan: random.pick(['1s', '5s']),
      renewWithin: random.pick(['5s', '20s']),
      coolDown: random.pick(['2s', '10s']),
      falseAlarm: random.pick(['0.01%', '1%']),
    },
    mirror: { perSecond: 50, concurrency: 20 },
    ...(random.chance(0.3) ? { protected: ['t1'] } : {}),
  };
}

const PLACE = { file: 'explored.yaml', env: {}, baseDir: '.' } as const;
/** Plans that were read; at most as many as there are. */
const plans = new Map<string, ReadPlan>();

function read(world: RandomWorld): ReturnType<typeof readData> {
  const text = JSON.stringify(world.plan);
  const plan = plans.get(text) ?? planOf(world, PLACE);
  if (plans.size < PLANS) plans.set(text, plan);
  return readData(world, PLACE, plan);
}

/** Lets a world happen. */
export function tryWorld(world: RandomWorld, seed: number): Promise<SimulationResult> {
  const made = read(world);
  if ('findings' in made) throw new Error(`no scenario: ${JSON.stringify(made.findings)}`); // the generator's mistake
  return simulate(made.scenario, seed);
}

/** What was tried, and what came of it. */
export interface Explored {
  readonly tried: number;
  readonly broken: readonly Broken[];
  /** How often each invariant was looked at. */
  readonly checks: Readonly<Record<Invariant, number>>;
  /** How many worlds had each kind of event, and each trouble of a side, before their end. */
  readonly kinds: Readonly<Record<string, number>>;
  /** What came about in all of them: whoever explores worlds in which nothing moves finds nothing. */
  readonly happened: Readonly<Record<'promotions' | 'rollbacks' | 'requests by the candidate', number>>;
}

/** Tries the worlds of seeds `from` to below `to`; gives what broke, shrunk, at most `most` of it. */
export async function explore(options: {
  readonly from: number;
  readonly to: number;
  readonly most?: number;
  readonly progress?: (tried: number) => void;
}): Promise<Explored> {
  const { from, to, most = 5, progress } = options;
  const broken: Broken[] = [];
  const checks = { I3: 0, I4: 0, I5: 0, I6: 0, I10: 0, I11: 0 };
  const kinds: Record<string, number> = {};
  const happened = { promotions: 0, rollbacks: 0, 'requests by the candidate': 0 };
  let tried = 0;
  for (let seed = from; seed < to && broken.length < most; seed++) {
    const world = randomWorld(seed);
    const result = await tryWorld(world, seed);
    tried += 1;
    for (const invariant of INVARIANTS) checks[invariant] += result.invariants.checks[invariant];
    for (const kind of kindsOf(world)) kinds[kind] = (kinds[kind] ?? 0) + 1;
    happened.promotions += result.promotions;
    happened.rollbacks += result.rollbacks;
    happened['requests by the candidate'] += result.requests.candidate;
    const [violation] = result.violations;
    if (violation !== undefined) broken.push(await shrunk(world, seed, violation));
    if (tried % 1_000 === 0) progress?.(tried);
  }
  return { tried, broken, checks, kinds, happened };
}

/** Each kind of trouble in a world, once. */
function kindsOf({ events, candidate, control }: RandomWorld): ReadonlySet<string> {
  const kinds = new Set<string>(events.map((event) => String(event['kind'])));
  if (candidate.differences.length > 0) kinds.add('wrong answers');
  if (candidate['errorRate'] !== '0%') kinds.add('a failing candidate');
  if (control['errorRate'] !== '0%') kinds.add('a failing control');
  if (control['noise'] !== '0%') kinds.add('noise');
  if (candidate['latencyMs'] !== 20) kinds.add('a slow candidate');
  return kinds;
}

/** Takes away whatever is not needed for the same invariant to break. */
async function shrunk(world: RandomWorld, seed: number, violation: Violation): Promise<Broken> {
  let [smallest, told] = [world, violation];
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const candidate of smaller(smallest)) {
      const again = await attempt(candidate, seed, violation.invariant);
      if (again === undefined) continue;
      [smallest, told, isSmaller] = [candidate, again, true];
      break;
    }
  }
  return { seed, violation: told, scenario: stringify({ name: `seed ${seed}`, ...smallest }) };
}

async function attempt(
  world: RandomWorld,
  seed: number,
  invariant: Violation['invariant'],
): Promise<Violation | undefined> {
  const made = read(world);
  // A name that is no longer there: not a smaller world, but none.
  if ('findings' in made) return undefined;
  return (await simulate(made.scenario, seed)).violations.find((one) => one.invariant === invariant);
}

/** Worlds that lack one thing each, the greatest first. */
function* smaller(world: RandomWorld): Generator<RandomWorld> {
  const { events, candidate, traffic, duration } = world;
  for (const at of events.keys()) yield { ...world, events: events.toSpliced(at, 1) };
  for (const at of candidate.differences.keys())
    yield { ...world, candidate: { ...candidate, differences: candidate.differences.toSpliced(at, 1) } };
  const seconds = Number.parseInt(duration, 10);
  for (const part of [0.5, 0.8, 0.95])
    if (Math.floor(seconds * part) >= 5) yield { ...world, duration: `${Math.floor(seconds * part)}s` };
  if (world.proxies > 1) yield { ...world, proxies: world.proxies - 1 };
  if (traffic.tenants > 1) yield { ...world, traffic: { ...traffic, tenants: traffic.tenants - 1 } };
  if (traffic.endpoints.length > 1) {
    yield { ...world, traffic: { ...traffic, endpoints: traffic.endpoints.slice(0, -1) } };
  }
}
