import { measurePower } from '../../src/app/power.ts';
import type { Recorded, Standard } from '../../src/app/recorded-traffic.ts';
import { MUTATORS, type Mutator } from '../../src/core/mutation/mutators.ts';
import type { Exchange } from '../../src/core/observation.ts';
import type { Rule } from '../../src/core/rule.ts';
import { Comparer } from '../../src/verifier/comparer.ts';
import type { Endpoint, Made } from './corpus/endpoint.ts';
import type { Injector, InsideFault } from './corpus/injector.ts';
import { Exchanges } from './exchanges.ts';
import { Random } from './random.ts';
import { comparerOptions, LASTING, LEARNING, plantBeside, SINGLE, sameAnswer } from './trial.ts';

/** What one endpoint under some rules showed: its power by the product, and what was found of faults that power knows nothing of. */
export interface PowerOutcome {
  readonly rules: number;
  readonly power: number;
  /** Mean share found over the mutators that power was not measured with; as power is, a mean over kinds. */
  readonly leftOut: number;
  /** Mean share found over the faults inside the noise; undefined where the noise has none. */
  readonly inside: number | undefined;
}

/** Recorded matches that power is measured from, as many as the product takes. */
const RECORDED = 10;
/** Sound pairs that the other faults are planted into; none of them is recorded. */
const BASES = 5;
const MOST_TRIES = 60;

/**
 * An endpoint with one kind of noise under rules that people might write. Power is measured by the product from matches alone,
 * with one half of its mutators; then faults of the other half, and those inside the noise, are planted into answers it never saw.
 * Undefined where too little matches, or nothing could be planted.
 *
 * @param half 0 or 1: which half of the mutators power knows.
 */
export function powerTrial(endpoint: Endpoint, noise: readonly Injector[], half: number): PowerOutcome | undefined {
  const random = new Random(endpoint.seed, 'power', noise[0]?.name ?? '', half);
  const exchanges = new Exchanges(endpoint, noise, 'power');
  const rules = rulesFor(exchanges, random);
  const options = comparerOptions(rules);
  const comparer = new Comparer(options);
  for (let n = 0; n < LEARNING; n++) {
    const { exchange } = exchanges.next();
    const { request, control, candidate, gapMs, at } = exchange;
    comparer.learn(endpoint.id, request, control, candidate, gapMs, at);
  }
  const sound = matching(exchanges, comparer);
  if (sound.length < RECORDED + BASES) return undefined;
  const snapshot = comparer.snapshot(endpoint.id);
  const standard: Standard = { options, noise: new Map([[endpoint.id as string, snapshot]]) };
  const [measured] = measurePower(
    sound.slice(0, RECORDED).map(({ exchange }) => recordedOf(exchange)),
    standard,
    MUTATORS.filter((_, at) => at % 2 === half),
  );
  const judge = (): Comparer => {
    const made = new Comparer(options);
    made.restore(endpoint.id, snapshot);
    return made;
  };
  const others = MUTATORS.filter((_, at) => at % 2 !== half);
  const leftOut = mean(others.map((mutator) => foundOf(mutator, sound.slice(RECORDED), judge(), random)));
  const inside = mean((noise[0]?.faults ?? []).map((fault) => foundInside(fault, exchanges, judge)));
  if (measured?.power === null || measured === undefined || leftOut === undefined) return undefined;
  return { rules: rules.length, power: measured.power, leftOut, inside };
}

interface Sound {
  readonly exchange: Exchange;
  readonly candidate: Made;
}

/** Equivalent pairs that the comparison in force has nothing against. */
function matching(exchanges: Exchanges, comparer: Comparer): Sound[] {
  const sound: Sound[] = [];
  for (let n = 0; n < MOST_TRIES && sound.length < RECORDED + BASES; n++) {
    const next = exchanges.next();
    const { verdict } = comparer.compare(next.exchange);
    if (verdict === 'match' || verdict === 'ignored') sound.push(next);
  }
  return sound;
}

function recordedOf({ id, at, cell, request, control, candidate }: Exchange): Recorded {
  const stored = { method: request.method, target: request.target, headers: request.headers, secrets: [] };
  return { id, at, ...cell, request: stored, control, candidate, verdict: 'match', clusters: [] };
}

function foundOf(mutator: Mutator, sound: readonly Sound[], comparer: Comparer, random: Random): number | undefined {
  const found = sound.flatMap(({ exchange, candidate }) => {
    const planted = plantBeside(mutator, candidate, random);
    return planted === undefined ? [] : [comparer.compare({ ...exchange, candidate: planted.answer }).verdict];
  });
  return found.length === 0 ? undefined : found.filter((verdict) => verdict === 'mismatch').length / found.length;
}

/** Share of exchanges that show the fault; of one that only several show, whether any of twenty does. */
function foundInside(fault: InsideFault, exchanges: Exchanges, judge: () => Comparer): number | undefined {
  const planting = { fault: fault.name, memory: new Map() };
  const [faulty, clean] = [judge(), judge()];
  const found: boolean[] = [];
  for (let n = 0; n < (fault.lasting ? LASTING : SINGLE); n++) {
    const { exchange, candidate, sound } = exchanges.next(planting);
    if (sameAnswer(candidate.answer, sound.answer)) continue;
    // Who cries at the sound answer as well finds nothing.
    const isSound = clean.compare({ ...exchange, candidate: sound.answer }).verdict !== 'mismatch';
    found.push(faulty.compare(exchange).verdict === 'mismatch' && isSound);
  }
  if (found.length < (fault.lasting ? LASTING / 2 : 1)) return undefined;
  return fault.lasting ? Number(found.includes(true)) : found.filter(Boolean).length / found.length;
}

/** Rules for one endpoint in this many: without any, power is near 1 everywhere and tells nothing apart. */
const WITHOUT_RULES = 0.2;
const MOST_RULES = 5;

/**
 * Rules as people write them who want peace: about places where two requests differ, one place or all below its parent,
 * sometimes everything. Drawn without a look at any fault.
 */
function rulesFor(exchanges: Exchanges, random: Random): Rule[] {
  if (random.chance(WITHOUT_RULES)) return [];
  const [one, other] = [exchanges.next().exchange, exchanges.next().exchange];
  const bare = new Comparer(comparerOptions());
  const places = bare.compare({ ...one, candidate: other.control }).differences.map(({ path }) => path);
  if (places.length === 0) return [];
  return Array.from({ length: random.integer(1, MOST_RULES) }, (_, at) => {
    const place = random.pick(places).replace(/\/\d+(?=\/|$)/g, '/*');
    const parent = place.includes('/') ? place.slice(0, place.lastIndexOf('/')) : place;
    const base = { name: `rule ${at}`, reason: 'drawn' };
    const lot = random.next();
    if (lot < 0.5) return { ...base, kind: 'ignore', path: place, counts: false };
    if (lot < 0.7) return { ...base, kind: 'ignore', path: `${parent}/**`, counts: false };
    if (lot < 0.8) return { ...base, kind: 'tolerance', path: 'body/**', relative: 0.1 };
    if (lot < 0.9) return { ...base, kind: 'unordered', path: parent };
    return lot < 0.95
      ? { ...base, kind: 'normalise', path: 'body/**', pattern: '[0-9]+', replace: '0' }
      : { ...base, kind: 'ignore', path: 'body/**', counts: false };
  });
}

function mean(shares: readonly (number | undefined)[]): number | undefined {
  const known = shares.filter((share) => share !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, share) => sum + share, 0) / known.length;
}
