import { parseSettings } from '../../src/config/load.ts';
import type { Settings } from '../../src/config/settings.ts';
import { MovementBook } from '../../src/controller/movement-book.ts';
import { planRound, type RoundFacts } from '../../src/controller/movement-plan.ts';
import { movementRules } from '../../src/controller/movement-rules.ts';
import { NeedsTeller } from '../../src/controller/needs.ts';
import type { Cell, EndpointId, TenantId } from '../../src/core/cell.ts';
import type { Sample } from '../../src/core/evidence.ts';
import { MirrorBudget } from '../../src/core/mirror-budget.ts';
import type { EndpointPolicy, Proof } from '../../src/core/routing.ts';
import { Spender } from '../../src/core/spending/spender.ts';
import { Random } from '../verify/random.ts';

/** Traffic over cells, and what a proof demands; everything else is as by default. */
export interface World {
  readonly tenants: number;
  readonly endpoints: number;
  readonly perSecond: number;
  readonly proof: Exclude<Proof, 'none'>;
  /** `cells`: the weights of all cells follow one Zipf law, wherever they lie; `both`: those of tenants and of endpoints do. */
  readonly skew: 'cells' | 'both';
  readonly zipf: number;
  /** Share of comparisons that mismatch, everywhere. */
  readonly mismatching: number;
}

export type Way = 'by need' | 'uniform';

export interface Opened {
  /** Seconds until so many percent of the cells were open. */
  readonly seconds: ReadonlyMap<number, number>;
  readonly open: number;
  readonly mirrors: number;
  readonly requests: number;
}

export const PERCENTS: readonly number[] = [10, 25, 50, 75, 90, 95];
const PEOPLE = 50;
/** Two of five requests are for one of few targets of a cell, the rest are nearly all different. */
const POPULAR = 20;
const RARE = 5_000;

/** Requests through the budget, the sampling and the evidence of the product until 95 % of the cells are open. */
export function play(world: World, way: Way, options: { readonly seed: number; readonly maxSeconds: number }): Opened {
  const random = new Random('spending', options.seed, way);
  const settings = defaultSettings();
  const rules = movementRules(settings);
  const policy = policyOf(world.proof, settings.defaults.mirrorPpm);
  const cells = cellsOf(world, options.seed);
  const draw = picker(cells.weights);
  const count = cells.list.length;
  const book = new MovementBook({ rules, limits: { cells: count, endpoints: count }, epoch: EPOCH });
  const budget = new MirrorBudget(settings.mirror, 0);
  const spender = new Spender({ perSecond: settings.mirror.perSecond, maxCells: count }, 0);
  const teller = new NeedsTeller();
  const facts = (now: number): RoundFacts => ({ ...CALM, now, policyOf: () => policy });
  const share = policy.mirrorPpm / 1_000_000;
  const seconds = new Map<number, number>();
  let waiting: [Cell, Sample][] = [];
  let open = 0;
  let mirrors = 0;
  let requests = 0;
  const isEnough = () => seconds.has(95);
  for (let second = 0; second < options.maxSeconds && !isEnough(); second++) {
    for (let number = 0; number < world.perSecond; number++) {
      const now = second * 1_000 + (number * 1_000) / world.perSecond;
      const cell = cells.list[draw(random)] as Cell; // the picker gives an index below the length
      requests += 1;
      book.seen(cell, now);
      const subject = `${cell.tenant}-${random.integer(1, PEOPLE)}`;
      const target = random.chance(0.4) ? `/${random.integer(1, POPULAR)}` : `/r${random.integer(1, RARE)}`;
      const chance = random.next();
      const drawn =
        way === 'uniform'
          ? ({ kind: chance < share ? 'drawn' : 'no', isPreferred: false } as const)
          : spender.draw({ cell, target, subject, share }, chance, now);
      if (drawn.kind !== 'drawn' || !budget.take(now)) continue;
      budget.done();
      mirrors += 1;
      const verdict = random.chance(world.mismatching) ? 'mismatch' : 'match';
      const request = `${cell.tenant} ${cell.endpoint} ${target}`;
      const preferred = 'isPreferred' in drawn && drawn.isPreferred ? { preferred: true as const } : {};
      const sample = { at: now, verdict, proves: true, request, subject, tenant: cell.tenant, statusClass: 2 } as const;
      waiting.push([cell, { ...sample, ...preferred }]);
    }
    // What was mirrored in a second is compared by its end.
    for (const [cell, sample] of waiting) book.add(cell, sample, world.proof);
    waiting = [];
    const now = (second + 1) * 1_000;
    const needs = teller.changed(book, rules, facts(now));
    if (needs !== undefined && way === 'by need') spender.take(needs);
    const round = planRound(book, rules, facts(now));
    for (const move of [...round.promotions, ...round.retreats, ...round.quiet]) book.setRecord(move.track, move.next);
    open += round.promotions.length - round.retreats.length;
    for (const percent of PERCENTS)
      if (!seconds.has(percent) && open >= (percent / 100) * count) seconds.set(percent, second + 1);
  }
  return { seconds, open, mirrors, requests };
}

const EPOCH = { candidateVersion: 'v2', rules: 'r' };

const CALM: Omit<RoundFacts, 'now' | 'policyOf'> = {
  controlVersion: 'v1',
  isFaulty: false,
  isLatched: () => false,
  isHeld: () => false,
  dialOf: () => 0,
  missingPower: () => undefined,
};

export function defaultSettings(): Settings {
  const config = { control: { url: 'http://127.0.0.1:1' }, candidate: { url: 'http://127.0.0.1:2' } };
  const parsed = parseSettings(JSON.stringify(config), { file: 'bench', env: {}, baseDir: '/', now: 0 });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.settings;
}

function policyOf(proof: Proof, mirrorPpm: number): EndpointPolicy {
  return {
    proof,
    maxPpm: 1_000_000,
    writes: false,
    acts: false,
    sharedValidators: false,
    salt: 's',
    mirrorPpm,
    retired: false,
  };
}

function cellsOf(world: World, seed: number): { readonly list: readonly Cell[]; readonly weights: readonly number[] } {
  const random = new Random('cells', seed);
  const pairs = Array.from({ length: world.tenants * world.endpoints }, (_, at) => ({
    tenant: at % world.tenants,
    endpoint: Math.floor(at / world.tenants),
  }));
  const list = world.skew === 'cells' ? random.shuffled(pairs) : pairs;
  return {
    list: list.map(({ tenant, endpoint }) => ({
      tenant: `t${tenant}` as TenantId,
      endpoint: `GET /e${endpoint}/{id}` as EndpointId, // both as the product names them
    })),
    weights: list.map(({ tenant, endpoint }, rank) =>
      world.skew === 'cells' ? (rank + 1) ** -world.zipf : ((tenant + 1) * (endpoint + 1)) ** -world.zipf,
    ),
  };
}

/** Draws an index by weight: the alias method (Walker 1977), constant time. */
function picker(weights: readonly number[]): (random: Random) => number {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const scaled = weights.map((weight) => (weight * weights.length) / sum);
  const alias = weights.map((_, at) => at);
  const small = scaled.flatMap((weight, at) => (weight < 1 ? [at] : []));
  const large = scaled.flatMap((weight, at) => (weight >= 1 ? [at] : []));
  while (small.length > 0 && large.length > 0) {
    const [low, high] = [small.pop() as number, large[large.length - 1] as number]; // neither is empty
    alias[low] = high;
    scaled[high] = (scaled[high] as number) - (1 - (scaled[low] as number)); // both are indices of it
    if ((scaled[high] as number) < 1) small.push(large.pop() as number);
  }
  return (random) => {
    const at = Math.floor(random.next() * weights.length);
    return random.next() < (scaled[at] as number) ? at : (alias[at] as number); // below the length
  };
}
