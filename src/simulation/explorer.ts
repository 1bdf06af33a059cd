import { stringify } from 'yaml';
import { Random } from './random.ts';
import { readData } from './read-scenario.ts';
import type { SimulationResult } from './result.ts';
import { simulate } from './simulate.ts';
import type { Violation } from './witness.ts';

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

/** The world of a seed: a minute at most, a few requests a second, evidence that comes quickly, and anything may happen. */
export function randomWorld(seed: number): RandomWorld {
  const random = new Random(seed, 'world');
  const seconds = 15 + random.below(45);
  const proxies = 1 + random.below(3);
  const endpoints = ENDPOINTS.slice(0, 1 + random.below(3));
  const tenants = 1 + random.below(4);
  return {
    duration: `${seconds}s`,
    proxies,
    storeLatency: `${random.pick([0, 1, 5, 40, 120, 300])}ms`,
    traffic: {
      rps: 3 + random.below(6),
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
    plan: randomPlan(random, endpoints),
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

/** Lets a world happen. */
export function tryWorld(world: RandomWorld, seed: number): Promise<SimulationResult> {
  const read = readData(world, { file: 'explored.yaml', env: {}, baseDir: '.' });
  if ('findings' in read) throw new Error(`no scenario: ${JSON.stringify(read.findings)}`); // the generator's mistake
  return simulate(read.scenario, seed);
}

/** Tries the worlds of seeds `from` to below `to`; gives what broke, shrunk, at most `most` of it. */
export async function explore(options: {
  readonly from: number;
  readonly to: number;
  readonly most?: number;
  readonly progress?: (tried: number) => void;
}): Promise<{ readonly tried: number; readonly broken: readonly Broken[]; readonly checks: number }> {
  const { from, to, most = 5, progress } = options;
  const broken: Broken[] = [];
  let [tried, checks] = [0, 0];
  for (let seed = from; seed < to && broken.length < most; seed++) {
    const world = randomWorld(seed);
    const result = await tryWorld(world, seed);
    tried += 1;
    checks += Object.values(result.invariants.checks).reduce((sum, one) => sum + one, 0);
    const [violation] = result.violations;
    if (violation !== undefined) broken.push(await shrunk(world, seed, violation));
    if (tried % 1_000 === 0) progress?.(tried);
  }
  return { tried, broken, checks };
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
  const read = readData(world, { file: 'explored.yaml', env: {}, baseDir: '.' });
  // A name that is no longer there: not a smaller world, but none.
  if ('findings' in read) return undefined;
  return (await simulate(read.scenario, seed)).violations.find((one) => one.invariant === invariant);
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
