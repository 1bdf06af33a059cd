import type { Finding } from '../compare/finding.ts';
import type { ListMode } from '../compare/walk.ts';
import type { NoisePath } from '../ports.ts';
import { InsideLearner, type Recognised, recogniseInside } from './embedded.ts';
import { type Learner, type NoiseContext, record, type ValuePair } from './learner.ts';
import { LinkLearner } from './link.ts';
import { ListNoise, listOf } from './list-noise.ts';
import { CounterLearner, NumberLearner } from './number.ts';
import { PathArms } from './path-arms.ts';
import { PrefixedLearner } from './prefixed.ts';
import { RelativeTimeLearner } from './relative-time.ts';
import { ReuseGuard } from './reuse-guard.ts';
import { isTimeOfRequest, TimeLearner } from './time.ts';
import { areTokens, isNonceName, isTokenName, TokenLearner } from './token.ts';
import { areUuids, UuidLearner } from './uuid.ts';
import { VaryingLearner } from './varying.ts';

export type { NoiseContext } from './learner.ts';

/** Places (values and lists together) learned of one endpoint; later ones stay strict. */
export const MAX_PATTERNS = 500;
/** Refusals shown of one endpoint. */
const MAX_REFUSALS = 100;
/** Longer patterns are not kept. */
const MAX_PATTERN_TEXT = 1_000;
/** Longer texts are never noise by a learned class. */
const MAX_VALUE = 2_000;
/** A uuid that did not drift in as many control–control pairs is no noise: a drawn one drifts each time. */
const STEADY_PAIRS = 10;

/**
 * Classes that say little of a value: data that changed between two readings fits them as well. They count from the third
 * drift on, and only where the place drifts often: noise does at nearly every reading, data hardly ever.
 */
const WEAK: ReadonlySet<string> = new Set(['counter', 'number', 'prefixed', 'link', 'varying']);
const WEAK_SAMPLES = 3;
/** Share of the pairs in which the place drifted; low, because a place may be in few of an endpoint's answers. */
const WEAK_SHARE = 0.05;

/** Most specific first: the first that fits all samples is the class. The last fits everything. */
const LEARNERS: Readonly<Record<string, () => Learner>> = {
  time: () => new TimeLearner(),
  uuid: () => new UuidLearner(),
  relative: () => new RelativeTimeLearner(),
  counter: () => new CounterLearner(),
  number: () => new NumberLearner(),
  prefixed: () => new PrefixedLearner(),
  token: () => new TokenLearner(),
  inside: () => new InsideLearner(),
  link: () => new LinkLearner(),
  varying: () => new VaryingLearner(),
};

interface LearnedValue {
  samples: number;
  /** Those that fit all samples so far, by their key in `LEARNERS`. */
  readonly alive: Map<string, Learner>;
}

/** Noise of one endpoint: built-in classes, and what control–control pairs taught. */
export class NoiseBook {
  /** How often either arm differs at the paths that weak classes excuse. */
  readonly arms = new PathArms();
  private pairs = 0;
  private readonly values = new Map<string, LearnedValue>();
  private readonly lists = new Map<string, ListNoise>();
  private readonly refusals = new Map<string, { reason: string; samples: number }>();
  private readonly guard = new ReuseGuard();

  /** Takes the findings of a control–control pair (the same request twice); an empty list is a pair that agreed. */
  learn(findings: readonly Finding[], context: NoiseContext): void {
    this.pairs++;
    const lists = new Map<string, Finding[]>();
    for (const finding of findings) {
      if (finding.accounted?.rule !== undefined || finding.accounted?.ignored === true) continue;
      const list = listFor(finding);
      if (list !== undefined) push(lists, list, finding);
      else this.learnValue(finding, context);
    }
    for (const [pattern, found] of lists) this.learnList(pattern, found);
  }

  private learnList(pattern: string, findings: readonly Finding[]): void {
    if (pattern === 'body') {
      this.refuse(pattern, 'the list is the whole body');
      return;
    }
    let list = this.lists.get(pattern);
    if (list === undefined) {
      if (!this.hasRoom(pattern)) return;
      list = new ListNoise();
      this.lists.set(pattern, list);
    }
    list.absorb(findings);
  }

  private learnValue(finding: Finding, context: NoiseContext): void {
    const key = keyOf(finding);
    const reason = refusalOf(finding);
    const pair = pairOf(finding);
    if (reason !== undefined || pair === undefined) {
      if (reason !== undefined) this.refuse(key, reason);
      return;
    }
    let known = this.values.get(key);
    if (known === undefined) {
      if (!this.hasRoom(key)) return;
      known = { samples: 0, alive: new Map(Object.entries(LEARNERS).map(([name, begin]) => [name, begin()])) };
      this.values.set(key, known);
    }
    known.samples++;
    for (const [name, learner] of known.alive) {
      if (!learner.absorb(pair, context)) known.alive.delete(name);
    }
  }

  private hasRoom(key: string): boolean {
    return this.values.size + this.lists.size < MAX_PATTERNS && key.length <= MAX_PATTERN_TEXT;
  }

  private refuse(key: string, reason: string): void {
    const known = this.refusals.get(key);
    if (known !== undefined) known.samples++;
    else if (this.refusals.size < MAX_REFUSALS && key.length <= MAX_PATTERN_TEXT) {
      this.refusals.set(key, { reason, samples: 1 });
    }
  }

  /**
   * The class whose check the finding of a control–candidate pair passes (`time`, `uuid`, …).
   * Undefined: it speaks against the candidate.
   */
  check(finding: Finding, context: NoiseContext): string | undefined {
    if (finding.kind !== 'value' || isWhole(finding)) return undefined;
    const pair = pairOf(finding);
    if (pair === undefined || pair.control.text === '' || pair.candidate.text === '') return undefined;
    const key = keyOf(finding);
    const known = this.values.get(key);
    const found = recognise(finding.place.name, pair, context) ?? this.recogniseLearned(known, pair, context);
    if (found?.drawn === undefined) return found?.class;
    const exchange = `${context.exchange ?? context.at} ${finding.place.path}`;
    const reuse = this.guard.note({ pattern: key, exchange, ...found.drawn });
    if (reuse === 'frozen') return undefined;
    const steady = found.class === 'uuid' && known === undefined && (reuse === 'stable' || this.pairs >= STEADY_PAIRS);
    return steady ? undefined : found.class;
  }

  private recogniseLearned(
    known: LearnedValue | undefined,
    pair: ValuePair,
    context: NoiseContext,
  ): Recognised | undefined {
    if (known === undefined || pair.candidate.text.length > MAX_VALUE) return undefined;
    const [key, learner] = known.alive.entries().next().value ?? [];
    if (key === undefined || learner === undefined) return undefined;
    if (WEAK.has(key) && !this.isOften(known.samples)) return undefined;
    if (!learner.accepts(pair, context)) return undefined;
    if (!learner.drawn) return { class: learner.name };
    return { class: learner.name, drawn: { control: pair.control.text, candidate: pair.candidate.text } };
  }

  private isOften(samples: number): boolean {
    return samples >= WEAK_SAMPLES && samples >= WEAK_SHARE * this.pairs;
  }

  /** How a list at this path pattern is to be compared, if something was learned of it; undefined: in order. */
  listMode(pattern: string): ListMode | undefined {
    return this.lists.get(pattern)?.mode();
  }

  /** What was learned, and what was refused (class `refused`, the reason as envelope). */
  paths(): NoisePath[] {
    const paths: NoisePath[] = [];
    for (const [key, { samples, alive }] of this.values) {
      const learner = first(alive);
      if (learner !== undefined) paths.push({ path: key, class: learner.name, envelope: learner.envelope(), samples });
    }
    for (const [path, list] of this.lists) {
      paths.push({ path, class: list.name, envelope: list.envelope(), samples: list.samples });
    }
    for (const [path, { reason, samples }] of this.refusals) {
      if (!this.values.has(path)) paths.push({ path, class: 'refused', envelope: reason, samples });
    }
    return paths.map((path) => {
      const flagged = this.arms.reason(path.path);
      return flagged === undefined ? path : { ...path, flagged };
    });
  }

  /** What was learned, as JSON. The values seen in checks are not part of it. */
  snapshot(): unknown {
    const values = [...this.values].map(([path, { samples, alive }]) => {
      return { path, samples, alive: [...alive].map(([name, learner]) => ({ name, state: learner.save() })) };
    });
    const lists = [...this.lists].map(([path, list]) => ({ path, list: list.save() }));
    const refusals = [...this.refusals].map(([path, refusal]) => ({ path, ...refusal }));
    return { version: 1, pairs: this.pairs, values, lists, refusals, arms: this.arms.save() };
  }

  /** Takes a snapshot in place of what is known; parts that cannot be read are left out. */
  restore(saved: unknown): void {
    this.values.clear();
    this.lists.clear();
    this.refusals.clear();
    const from = record(saved);
    this.arms.load(from?.['arms']);
    this.pairs = readCount(from?.['pairs']) ?? 0;
    if (from?.['version'] !== 1) {
      this.pairs = 0;
      return;
    }
    for (const [path, entry] of entriesOf(from['values'])) {
      const value = this.hasRoom(path) ? readValue(entry) : undefined;
      if (value !== undefined) this.values.set(path, value);
    }
    for (const [path, entry] of entriesOf(from['lists'])) {
      const list = new ListNoise();
      if (this.hasRoom(path) && path !== 'body' && list.load(entry['list'])) this.lists.set(path, list);
    }
    for (const [path, { reason, samples }] of entriesOf(from['refusals'])) {
      const count = readCount(samples);
      if (typeof reason !== 'string' || reason.length > 200 || count === undefined) continue;
      if (this.refusals.size < MAX_REFUSALS) this.refusals.set(path, { reason, samples: count });
    }
  }
}

/** What is noise wherever it stands. */
function recognise(name: string, { control, candidate }: ValuePair, context: NoiseContext): Recognised | undefined {
  const [a, b] = [control.text, candidate.text];
  if (isTimeOfRequest(a, b, context)) return { class: 'time' };
  if (control.type === 'number') return undefined;
  const drawn = { control: a, candidate: b };
  if (areUuids(a, b)) return { class: 'uuid', drawn };
  if (isTokenName(name) && areTokens(a, b, isNonceName(name))) return { class: 'token', drawn };
  return recogniseInside(a, b, context);
}

/** The two values, where both are texts or both numbers. */
function pairOf({ place, control, candidate }: Finding): ValuePair | undefined {
  if (control === undefined || candidate === undefined || control.type !== candidate.type) return undefined;
  if (control.type !== 'text' && control.type !== 'number') return undefined;
  return { control, candidate, repeated: place.pattern.includes('[*]') || /\/\*(\/|$)/.test(place.pattern) };
}

function isWhole({ place }: Finding): boolean {
  return place.pattern === 'status' || place.pattern === 'body';
}

/** Why nothing is learned from a finding; undefined where it may be, or where there is nothing to say. */
function refusalOf(finding: Finding): string | undefined {
  const { control, candidate } = finding;
  if (finding.place.pattern === 'status') return 'the status is never noise';
  if (finding.place.pattern === 'body') return 'the whole body varies';
  if (finding.kind === 'type')
    return `the type changes from ${control?.type ?? 'none'} to ${candidate?.type ?? 'none'}`;
  if (finding.kind !== 'value') return 'it is there in one answer and missing in the other';
  if (control?.text === '' || candidate?.text === '') return 'the text is empty at times';
  if (Math.max(control?.text.length ?? 0, candidate?.text.length ?? 0) > MAX_VALUE) return 'the text is too long';
  return undefined;
}

/** The pattern of the list a finding tells something of; undefined for values. */
function listFor({ kind, place, control, candidate }: Finding): string | undefined {
  if (kind === 'order') return place.pattern;
  if (kind === 'added' || kind === 'removed') return listOf(place.pattern);
  if (kind !== 'value') return undefined;
  if (control?.type === 'array' && candidate?.type === 'array') return place.pattern;
  return control?.type === 'element' && candidate?.type === 'element' ? listOf(place.pattern) : undefined;
}

/** The path as `paths` tells it: of a list where the finding tells something of one. */
export function noiseKey(finding: Finding): string {
  return listFor(finding) ?? keyOf(finding);
}

function keyOf({ place }: Finding): string {
  return place.detail === undefined ? place.pattern : `${place.pattern} ${place.detail}`;
}

function first(alive: ReadonlyMap<string, Learner>): Learner | undefined {
  return alive.values().next().value;
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [item]);
  else known.push(item);
}

function readCount(saved: unknown): number | undefined {
  return typeof saved === 'number' && Number.isSafeInteger(saved) && saved >= 0 ? saved : undefined;
}

function entriesOf(saved: unknown): [string, Readonly<Record<string, unknown>>][] {
  if (!Array.isArray(saved)) return [];
  return saved.slice(0, MAX_PATTERNS).flatMap((item) => {
    const entry = record(item);
    const path = entry?.['path'];
    return entry === undefined || typeof path !== 'string' || path.length > MAX_PATTERN_TEXT ? [] : [[path, entry]];
  });
}

function readValue(entry: Readonly<Record<string, unknown>>): LearnedValue | undefined {
  const samples = readCount(entry['samples']);
  if (samples === undefined || !Array.isArray(entry['alive'])) return undefined;
  const saved = new Map<unknown, unknown>(
    entry['alive'].map((item) => [record(item)?.['name'], record(item)?.['state']]),
  );
  const alive = new Map<string, Learner>();
  for (const [name, begin] of Object.entries(LEARNERS)) {
    if (!saved.has(name)) continue;
    const learner = begin();
    if (!learner.load(saved.get(name))) return undefined;
    alive.set(name, learner);
  }
  return alive.size === 0 ? undefined : { samples, alive };
}
