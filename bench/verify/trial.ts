import { MUTATORS, type Mutator } from '../../src/core/mutation/mutators.ts';
import type { Answer, Exchange, Observation } from '../../src/core/observation.ts';
import type { Rule } from '../../src/core/rule.ts';
import type { ComparisonResult } from '../../src/core/verdict.ts';
import { Comparer, type ComparerOptions } from '../../src/verifier/comparer.ts';
import { BASELINES, type Judge } from './baselines/rules.ts';
import { type Plain, type PlainDifference, plainDifferences, plainTree } from './baselines/tree.ts';
import type { Endpoint, Made, Planting } from './corpus/endpoint.ts';
import type { Injector, InsideFault } from './corpus/injector.ts';
import { Exchanges } from './exchanges.ts';
import { Random } from './random.ts';
import { Tallies } from './tally.ts';

/** Headers that are compared: the product's default, and those that vary, so that their noise is met. */
export const HEADERS = [
  ...['content-type', 'location', 'cache-control', 'vary', 'set-cookie', 'content-language', 'www-authenticate'],
  ...['content-disposition', 'access-control-allow-origin', 'link', 'retry-after', 'allow'],
  ...['date', 'age', 'etag', 'expires', 'x-request-id'],
];
/** Ours, then the baselines. */
export const TOOLS = ['cutover', ...BASELINES.map(({ name }) => name)];

export const LEARNING = 30;
const SOUND = 20;
/** Sound pairs that faults are planted into. */
const BASES = 3;
/** A lasting fault is found if any of so many exchanges shows it. */
export const LASTING = 20;
/** Exchanges of a fault that one of them shows. */
export const SINGLE = 2;
/** Places tried for a fault that keeps away from noise. */
const TRIES = 6;

/** What all trials together showed. */
export class Scores {
  /** Sound pairs called anything but a match, by injector. */
  readonly alarms = new Tallies(TOOLS.length);
  /** Faults outside noise that were found, by injector, by mutator, and by both. */
  readonly outside = new Tallies(TOOLS.length);
  readonly byMutator = new Tallies(TOOLS.length);
  readonly matrix = new Tallies(TOOLS.length);
  /** Faults inside noise that were found, by injector, and by injector and fault. */
  readonly inside = new Tallies(TOOLS.length);
  readonly byFault = new Tallies(TOOLS.length);
  /** What ours got wrong, for people: bounded. */
  readonly wrong: string[] = [];
}

const MAX_WRONG = 20_000;

interface Pair {
  readonly exchange: Exchange;
  readonly candidate: Made;
  readonly differences: readonly PlainDifference[];
}

/** One endpoint with one kind of noise (and perhaps more): learns, then judges sound pairs and planted faults. */
export class Trial {
  readonly #endpoint: Endpoint;
  readonly #noise: readonly Injector[];
  readonly #scores: Scores;
  readonly #exchanges: Exchanges;
  readonly #comparer = newComparer();
  readonly #name: string;
  #judges: readonly Judge[] = [];

  constructor(endpoint: Endpoint, noise: readonly Injector[], scores: Scores) {
    this.#endpoint = endpoint;
    this.#noise = noise;
    this.#scores = scores;
    this.#name = noise[0]?.name ?? '';
    this.#exchanges = new Exchanges(endpoint, noise);
  }

  run(): void {
    const learned = Array.from({ length: LEARNING }, () => {
      const pair = this.#pair();
      const { control, request, gapMs, at } = pair.exchange;
      this.#comparer.learn(this.#endpoint.id, request, control, pair.candidate.answer, gapMs, at);
      return pair.differences;
    });
    this.#judges = BASELINES.map((baseline) => baseline.learn(learned));
    const snapshot = this.#comparer.snapshot(this.#endpoint.id);
    const sound = Array.from({ length: SOUND }, () => this.#pair());
    const calls = this.#judgeSound(sound);
    for (const [at, base] of sound.slice(0, BASES).entries()) {
      for (const mutator of MUTATORS) this.#plantOutside(mutator, base, calls[at] ?? [], sound);
    }
    for (const fault of this.#noise[0]?.faults ?? []) this.#plantInside(fault, snapshot, sound);
  }

  /** One request and two readings of it, some tens of milliseconds apart. */
  #pair(): Pair {
    const { exchange, candidate } = this.#exchanges.next();
    return { exchange, candidate, differences: differencesOf(exchange.control, candidate.answer) };
  }

  /** Calls of each tool by sound pair: true where it did not call the pair a match. */
  #judgeSound(pairs: readonly Pair[]): boolean[][] {
    const differences = pairs.map((pair) => pair.differences);
    const theirs = this.#judges.map((judge) => judge.mismatches(differences));
    return pairs.map(({ exchange }, at) => {
      const result = this.#comparer.compare(exchange);
      const calls = [result.verdict !== 'match', ...theirs.map((list) => list[at] ?? false)];
      this.#scores.alarms.add(this.#name, calls);
      if (calls[0] === true) this.#note('false alarm', exchange, result);
      return calls;
    });
  }

  /** Plants a fault where there is no noise. A find counts only where the pair without the fault was called sound. */
  #plantOutside(mutator: Mutator, base: Pair, calls: readonly boolean[], sound: readonly Pair[]): void {
    const planted = plantBeside(
      mutator,
      base.candidate,
      new Random(this.#endpoint.seed, this.#name, base.exchange.id, mutator.name),
    );
    if (planted === undefined) return;
    const exchange = { ...base.exchange, candidate: planted.answer };
    const result = this.#comparer.compare(exchange);
    const differences = differencesOf(exchange.control, planted.answer);
    const found = [
      result.verdict === 'mismatch' && calls[0] === false,
      ...this.#judges.map(
        (judge, at) => calls[at + 1] === false && this.#findsLasting(judge, differences, base, sound),
      ),
    ];
    this.#scores.outside.add(this.#name, found);
    this.#scores.byMutator.add(mutator.name, found);
    this.#scores.matrix.add(`${this.#name} × ${mutator.name}`, found);
    if (found[0] === false) this.#note(`missed ${mutator.name} at ${planted.path}`, exchange, result);
  }

  /** Whether a tool that counts over many pairs finds a fault that stays: what it adds to one pair is added to all. */
  #findsLasting(judge: Judge, differences: readonly PlainDifference[], base: Pair, sound: readonly Pair[]): boolean {
    const known = new Set(base.differences.map(({ place, kind }) => `${place} ${kind}`));
    const added = differences.filter(({ place, kind }) => !known.has(`${place} ${kind}`));
    const arm = sound.map((pair) => (pair === base ? differences : [...pair.differences, ...added]));
    return judge.mismatches(arm)[sound.indexOf(base)] ?? false;
  }

  /** Plants a fault into the noise itself. */
  #plantInside(fault: InsideFault, snapshot: unknown, sound: readonly Pair[]): void {
    const memory = new Map();
    const planting: Planting = { fault: fault.name, memory };
    const [faulty, clean] = [newComparer(), newComparer()];
    for (const comparer of [faulty, clean]) comparer.restore(this.#endpoint.id, snapshot);
    const cases = Array.from({ length: fault.lasting ? LASTING : SINGLE }, () =>
      this.#insideCase(planting, faulty, clean),
    ).filter((one) => one !== undefined);
    // A fault that changes nothing that is sent is none; one that lasts needs several exchanges to be seen.
    if (cases.length < (fault.lasting ? LASTING / 2 : 1)) return;
    if (fault.lasting) {
      const arms = this.#judges.map((judge) => {
        const [sick, healthy] = [
          judge.mismatches(cases.map((one) => one.pair.differences)),
          judge.mismatches(cases.map((one) => one.twin.differences)),
        ];
        return sick.some((mismatch, at) => mismatch && healthy[at] === false);
      });
      this.#addInside(fault.name, [cases.some((one) => one.found), ...arms], cases[0]);
      return;
    }
    for (const one of cases) {
      const arm = [...sound, one.twin];
      const arms = this.#judges.map((judge) => {
        const isSound = judge.mismatches(arm.map((pair) => pair.differences)).at(-1) === false;
        return isSound && this.#findsLasting(judge, one.pair.differences, one.twin, arm);
      });
      this.#addInside(fault.name, [one.found, ...arms], one);
    }
  }

  #insideCase(planting: Planting, faulty: Comparer, clean: Comparer): InsideCase | undefined {
    const { exchange, candidate, sound } = this.#exchanges.next(planting);
    if (sameAnswer(candidate.answer, sound.answer)) return undefined;
    const twinExchange = { ...exchange, candidate: sound.answer };
    const result = faulty.compare(exchange);
    const isClean = clean.compare(twinExchange).verdict === 'match';
    return {
      pair: { exchange, candidate, differences: differencesOf(exchange.control, candidate.answer) },
      twin: { exchange: twinExchange, candidate: sound, differences: differencesOf(exchange.control, sound.answer) },
      found: result.verdict === 'mismatch' && isClean,
      result,
    };
  }

  #addInside(fault: string, found: readonly boolean[], one: InsideCase | undefined): void {
    this.#scores.inside.add(this.#name, found);
    this.#scores.byFault.add(`${this.#name}: ${fault}`, found);
    if (found[0] === false && one !== undefined) this.#note(`missed inside: ${fault}`, one.pair.exchange, one.result);
  }

  #note(what: string, exchange: Exchange, { verdict, reason, differences }: ComparisonResult): void {
    if (this.#scores.wrong.length >= MAX_WRONG) return;
    const shown = differences
      .slice(0, 3)
      .map(
        ({ path, kind, control, candidate, noise }) =>
          `${path} ${kind} ${control?.slice(0, 90)} | ${candidate?.slice(0, 90)} ${noise ?? ''}`,
      );
    this.#scores.wrong.push(
      `${this.#name} · ${what} · ${this.#endpoint.id} · ${verdict} ${reason ?? ''} · ${exchange.id} · ${shown.join(' ; ')}`,
    );
  }
}

interface InsideCase {
  readonly pair: Pair;
  readonly twin: Pair;
  readonly found: boolean;
  readonly result: ComparisonResult;
}

/** How the product compares with these headers, under rules. */
export function comparerOptions(rules: readonly Rule[] = []): ComparerOptions {
  return {
    policy: { rules, headers: HEADERS, keyOrder: false },
    // Generous: a slow machine must not change a verdict.
    limits: { maxDecodedBytes: 8 * 1024 * 1024, timeoutMs: 60_000 },
  };
}

function newComparer(): Comparer {
  return new Comparer(comparerOptions());
}

/** One answer is set against many. */
const trees = new WeakMap<Observation, Plain>();

function treeOf(answer: Observation): Plain {
  const known = trees.get(answer);
  if (known !== undefined) return known;
  const made = plainTree(answer, HEADERS);
  trees.set(answer, made);
  return made;
}

function differencesOf(a: Observation, b: Observation): PlainDifference[] {
  return plainDifferences(treeOf(a), treeOf(b));
}

export function sameAnswer(a: Answer, b: Answer): boolean {
  return Buffer.compare(a.body, b.body) === 0 && JSON.stringify(a.headers) === JSON.stringify(b.headers);
}

/** The fault at a place that leaves every noisy text as often and in the order it was; undefined where none was drawn. */
export function plantBeside(
  mutator: Mutator,
  made: Made,
  random: Random,
): { answer: Observation; path: string } | undefined {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const planted = mutator.plant(made.answer, random.next);
    if (planted === undefined) return undefined;
    const whole = planted.answer.kind === 'failure' || planted.path === 'status' || planted.path === 'body';
    if (whole || keepsNoise(made, planted.answer as Answer)) return planted; // failures are whole
  }
  return undefined;
}

function keepsNoise({ answer, noise }: Made, planted: Answer): boolean {
  if (noise.length === 0 || Buffer.compare(answer.body, planted.body) === 0) return true;
  return noiseOrder(answer, noise) === noiseOrder(planted, noise);
}

/** Where the noisy texts stand among each other. */
function noiseOrder(answer: Answer, noise: readonly string[]): string {
  const text = Buffer.from(answer.body).toString();
  const places: [number, number][] = [];
  new Set(noise).forEach((value) => {
    const name = noise.indexOf(value);
    for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + value.length)) places.push([at, name]);
  });
  return places
    .sort((a, b) => a[0] - b[0])
    .map(([, name]) => name)
    .join(' ');
}
